package dev.hydra.libtorch.runtime;

import dev.hydra.api.Messages;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;

/**
 * Reads what LibTorch, CUDA and Java say where there is no memory left. Figures are in bytes; those
 * that are not known are empty.
 *
 * @param kind which memory it is
 * @param needed what was asked for last
 * @param device the name of what has the memory
 * @param total what that has
 * @param free what of it nobody has
 * @param used what this process has
 */
public record OutOfMemory(
    Kind kind,
    OptionalDouble needed,
    Optional<String> device,
    OptionalDouble total,
    OptionalDouble free,
    OptionalDouble used) {
  /** A memory that may have nothing left. */
  public enum Kind {
    /**
     * A CUDA device's: texts of LibTorch's allocator, other calls of CUDA by LibTorch, its matrix
     * products and cuDNN's, the driver, and the runtime, which has to place a graph.
     */
    CUDA(
        "CUDA out of memory",
        "CUDA out of memory",
        "CUDA error: out of memory",
        "CUDA driver error: out of memory",
        "CU(BLAS|DNN)_STATUS_ALLOC_FAILED",
        "cudaErrorMemoryAllocation",
        "(?s)^CUDA .*: out of memory"),

    /** The machine's: texts of LibTorch's allocator, C++ and JavaCPP. */
    HOST(
        "out of memory",
        "DefaultCPUAllocator: (can't allocate|not enough) memory",
        "std::bad_alloc",
        "^Cannot allocate new \\w+\\("),

    /** Java's, where batches are read and texts are kept, but no tensors. */
    HEAP(
        "Java out of memory",
        "Java heap space",
        "GC overhead limit exceeded",
        "Requested array size exceeds VM limit");

    private final String begin;
    private final Pattern signs;

    Kind(String begin, String... signs) {
      this.begin = begin;
      this.signs = Pattern.compile(String.join("|", signs));
    }

    private boolean of(String text) {
      return signs.matcher(text).find();
    }
  }

  private static final String SIZE = "(\\d[\\d.]*) (bytes|KiB|MiB|GiB)";
  private static final Pattern NEEDED = Pattern.compile("Tried to allocate " + SIZE);
  private static final Pattern NEEDED_OF_HOST = Pattern.compile("you tried to allocate " + SIZE);
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
  public static Optional<OutOfMemory> in(Throwable thrown) {
    return Stream.<Throwable>iterate(thrown, Objects::nonNull, Throwable::getCause)
        .limit(CAUSES)
        .flatMap(
            each ->
                each instanceof HostMemoryException known
                    ? Stream.of(host(OptionalDouble.of(known.needed())))
                    : read(String.valueOf(each.getMessage())))
        .findFirst();
  }

  private static Stream<OutOfMemory> read(String text) {
    return Stream.of(Kind.values())
        .filter(kind -> kind.of(text))
        .map(
            kind ->
                switch (kind) {
                  case CUDA -> cuda(text);
                  case HOST -> host(bytes(NEEDED_OF_HOST, text));
                  case HEAP -> heap();
                });
  }

  private static OutOfMemory cuda(String text) {
    Matcher device = DEVICE.matcher(text);
    OptionalDouble used = bytes(USED, text);
    OptionalDouble allocated = bytes(ALLOCATED, text);
    if (used.isEmpty() && allocated.isPresent()) {
      used = OptionalDouble.of(allocated.getAsDouble() + bytes(RESERVED, text).orElse(0));
    }
    return new OutOfMemory(
        Kind.CUDA,
        bytes(NEEDED, text),
        device.find() ? Optional.of("cuda:" + device.group(1)) : Optional.empty(),
        bytes(TOTAL, text),
        bytes(FREE, text),
        used);
  }

  /** LibTorch does not say what there is, so it is read now. */
  private static OutOfMemory host(OptionalDouble needed) {
    long free = FreeMemory.bytes();
    return new OutOfMemory(
        Kind.HOST,
        needed,
        Optional.of("this machine"),
        OptionalDouble.of(TotalMemory.bytes()),
        free == Long.MAX_VALUE ? OptionalDouble.empty() : OptionalDouble.of(free),
        OptionalDouble.of(Pointer.physicalBytes()));
  }

  private static OutOfMemory heap() {
    return new OutOfMemory(
        Kind.HEAP,
        OptionalDouble.empty(),
        Optional.of("its heap"),
        OptionalDouble.of(Runtime.getRuntime().maxMemory()),
        OptionalDouble.empty(),
        OptionalDouble.empty());
  }

  private static OptionalDouble bytes(Pattern pattern, String text) {
    Matcher matcher = pattern.matcher(text);
    return matcher.find()
        ? OptionalDouble.of(
            Double.parseDouble(matcher.group(1))
                * Objects.requireNonNull(UNITS.get(matcher.group(2))))
        : OptionalDouble.empty();
  }

  /**
   * Returns what tensors of this process could have: what it has and what is free; empty if not
   * known.
   */
  public OptionalDouble available() {
    if (kind == Kind.HEAP) {
      return OptionalDouble.empty(); // no tensor lies there
    }
    return free.isPresent() && used.isPresent()
        ? OptionalDouble.of(free.getAsDouble() + used.getAsDouble())
        : total;
  }

  /** Says what was needed and what there is, for users, in one line without a full stop. */
  public String text() {
    StringBuilder text = new StringBuilder(kind.begin);
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
    if (kind == Kind.HEAP) {
      text.append("; HYDRA_JAVA_OPTS=-Xmx")
          .append((long) Math.ceil(2 * total.orElse(0) / (1 << 30)))
          .append("g gives it more");
    }
    return text.toString();
  }
}
