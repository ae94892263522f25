package dev.hydra.libtorch.runtime;

import dev.hydra.api.Messages;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Reads what LibTorch and CUDA say where a device has no memory left. Figures are in bytes; those
 * that the text lacks are empty.
 *
 * @param needed what was asked for last
 * @param device the name of the device
 * @param total what the device has
 * @param free what of it nobody has
 * @param used what this process has
 */
public record CudaOutOfMemory(
    OptionalDouble needed,
    Optional<String> device,
    OptionalDouble total,
    OptionalDouble free,
    OptionalDouble used) {
  private static final String BEGIN = "CUDA out of memory";

  /**
   * LibTorch's allocator, other calls of CUDA by LibTorch, its matrix products and cuDNN's, the
   * driver, and the runtime, which has to place a graph.
   */
  private static final List<Pattern> SIGNS =
      List.of(
          Pattern.compile(BEGIN),
          Pattern.compile("CUDA error: out of memory"),
          Pattern.compile("CUDA driver error: out of memory"),
          Pattern.compile("CU(BLAS|DNN)_STATUS_ALLOC_FAILED"),
          Pattern.compile("cudaErrorMemoryAllocation"),
          Pattern.compile("^CUDA .*: out of memory", Pattern.DOTALL));

  private static final String SIZE = "(\\d[\\d.]*) (bytes|KiB|MiB|GiB)";
  private static final Pattern NEEDED = Pattern.compile("Tried to allocate " + SIZE);
  private static final Pattern DEVICE = Pattern.compile("GPU (\\d+) has a total capacity");
  private static final Pattern TOTAL = Pattern.compile("total capacity of " + SIZE);
  private static final Pattern FREE = Pattern.compile("of which " + SIZE + " is free");
  private static final Pattern USED = Pattern.compile("this process has " + SIZE);

  /** What LibTorch holds, in tensors and without: it cannot always tell what the process has. */
  private static final Pattern ALLOCATED =
      Pattern.compile("allocated memory " + SIZE + " is allocated by PyTorch");

  private static final Pattern RESERVED =
      Pattern.compile("and " + SIZE + " is reserved by PyTorch but unallocated");

  private static final Map<String, Double> UNITS =
      Map.of("bytes", 1.0, "KiB", 0x1p10, "MiB", 0x1p20, "GiB", 0x1p30);

  /** The number of causes that are followed: they may go round in circles. */
  private static final int CAUSES = 20;

  /** Finds it in an exception or its causes. */
  public static Optional<CudaOutOfMemory> in(Throwable thrown) {
    return Stream.<Throwable>iterate(thrown, Objects::nonNull, Throwable::getCause)
        .limit(CAUSES)
        .map(each -> String.valueOf(each.getMessage()))
        .filter(text -> SIGNS.stream().anyMatch(sign -> sign.matcher(text).find()))
        .findFirst()
        .map(CudaOutOfMemory::parse);
  }

  private static CudaOutOfMemory parse(String text) {
    Matcher device = DEVICE.matcher(text);
    OptionalDouble used = bytes(USED, text);
    OptionalDouble allocated = bytes(ALLOCATED, text);
    if (used.isEmpty() && allocated.isPresent()) {
      used = OptionalDouble.of(allocated.getAsDouble() + bytes(RESERVED, text).orElse(0));
    }
    return new CudaOutOfMemory(
        bytes(NEEDED, text),
        device.find() ? Optional.of("cuda:" + device.group(1)) : Optional.empty(),
        bytes(TOTAL, text),
        bytes(FREE, text),
        used);
  }

  private static OptionalDouble bytes(Pattern pattern, String text) {
    Matcher matcher = pattern.matcher(text);
    return matcher.find()
        ? OptionalDouble.of(
            Double.parseDouble(matcher.group(1))
                * Objects.requireNonNull(UNITS.get(matcher.group(2))))
        : OptionalDouble.empty();
  }

  /** Returns what this process could have: what it has and what is free; empty if not known. */
  public OptionalDouble available() {
    return free.isPresent() && used.isPresent()
        ? OptionalDouble.of(free.getAsDouble() + used.getAsDouble())
        : total;
  }

  /** Says what was needed and what there is, for users, in one line without a full stop. */
  public String text() {
    StringBuilder text = new StringBuilder(BEGIN);
    if (needed.isPresent()) {
      text.append(": ").append(Messages.bytes(needed.getAsDouble())).append(" more were needed");
    }
    if (device.isPresent() && total.isPresent()) {
      text.append(needed.isPresent() ? "; " : ": ").append(device.get()).append(" has ");
      text.append(Messages.bytes(total.getAsDouble()));
      free.ifPresent(bytes -> text.append(", ").append(Messages.bytes(bytes)).append(" free"));
      used.ifPresent(
          bytes -> text.append(", ").append(Messages.bytes(bytes)).append(" used by this process"));
    }
    return text.toString();
  }
}
