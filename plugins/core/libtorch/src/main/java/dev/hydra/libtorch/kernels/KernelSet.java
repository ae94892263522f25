package dev.hydra.libtorch.kernels;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Names the programs that an operator needs together: all are used, or none. A constant of the
 * class that uses them:
 *
 * <pre>{@code
 * private static final KernelSet KERNELS =
 *     KernelSet.of(KernelSource.of(RmsNorm.class, "primitives.cu", "rms_norm.cu"));
 * }</pre>
 */
public final class KernelSet {
  private static final System.Logger LOG = System.getLogger(KernelSet.class.getName());

  /** What has been said, for all sets: a reason of the device holds for each of them. */
  private static final Set<String> SAID = ConcurrentHashMap.newKeySet();

  private final List<KernelSource> sources;
  private final Map<Variant, Result> results = new ConcurrentHashMap<>();

  private record Variant(int device, Map<String, Integer> macros) {}

  /** What came of loading: kernels, or why there are none. */
  record Result(@Nullable Kernels kernels, @Nullable KernelException failure) {}

  private KernelSet(List<KernelSource> sources) {
    this.sources = List.copyOf(sources);
  }

  /** Puts programs together. They may use the same macros, and are compiled side by side. */
  public static KernelSet of(KernelSource... sources) {
    return new KernelSet(List.of(sources));
  }

  /** Returns the programs. */
  public List<KernelSource> sources() {
    return sources;
  }

  /**
   * Gives the kernels if they are to be used for a tensor: it is on a CUDA device of compute
   * capability 8.0 or later, {@link KernelMode} allows it, and they can be compiled. What cannot is
   * not tried again; it is said once for each program, and once for a device where it holds for
   * all.
   *
   * @param macros what is defined while they are compiled, besides the sources' own defaults
   * @throws KernelException if they cannot be compiled and the mode is {@link KernelMode#FUSED}
   */
  public Optional<Kernels> usable(Tensor tensor, Map<String, Integer> macros) {
    return tensor.is_cuda() ? usable(Gpu.indexOf(tensor), macros) : Optional.empty();
  }

  /**
   * The same for a CUDA device.
   *
   * @param device its number, 0 for {@code cuda:0}
   */
  public Optional<Kernels> usable(int device, Map<String, Integer> macros) {
    KernelMode mode = KernelMode.current();
    if (mode == KernelMode.PLAIN) {
      return Optional.empty();
    }
    Result result =
        results.computeIfAbsent(
            new Variant(device, Map.copyOf(macros)),
            variant -> loaded(Gpu.of(variant.device), variant.macros));
    if (result.failure != null && mode == KernelMode.FUSED) {
      throw result.failure;
    }
    return Optional.ofNullable(result.kernels);
  }

  /** Loads them, or says why they cannot be. */
  Result loaded(Gpu gpu, Map<String, Integer> macros) {
    try {
      return new Result(load(gpu, macros), null);
    } catch (KernelException e) {
      warn(e);
      return new Result(null, e);
    }
  }

  /** Says it, unless that has been said for another set, or other macros. */
  static void warn(KernelException failure) {
    if (SAID.add(failure.about())) {
      LOG.log(
          System.Logger.Level.WARNING,
          "LibTorch's own operators are used instead of CUDA kernels"
              + failure.program().map(program -> " that need " + program).orElse("")
              + ", which is slower: "
              + String.valueOf(failure.getMessage()).lines().findFirst().orElse(""));
    }
  }

  /** Compiles and loads them, whatever the mode is. */
  Kernels load(Gpu gpu, Map<String, Integer> macros) {
    if (!gpu.supported()) {
      throw new KernelException(
          "CUDA kernels need compute capability 8.0 or later; cuda:"
              + gpu.index()
              + " has "
              + gpu.major()
              + "."
              + gpu.minor());
    }
    return new Kernels(gpu, KernelProgram.load(gpu, sources, macros), names());
  }

  private List<String> names() {
    return sources.stream().map(KernelSource::name).toList();
  }
}
