package dev.hydra.libtorch.kernels;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.pytorch.Tensor;

/**
 * A CUDA C++ program in resources of a jar. It is compiled at first use, once for every chip and
 * every set of macros; a constant of the class that uses it:
 *
 * <pre>{@code
 * private static final KernelSource SOURCE =
 *     KernelSource.of(RmsNorm.class, "primitives.cu", "rms_norm.cu");
 * }</pre>
 */
public final class KernelSource {
  /**
   * The kernels that are loaded, by their content: twins of a plugin, one swapped for the other all
   * the time, share them, so that the memory of the device does not grow.
   */
  private static final Map<List<Object>, Kernel> LOADED = new ConcurrentHashMap<>();

  private static final System.Logger LOG = System.getLogger(KernelSource.class.getName());

  private final String name;
  private final String text;
  private final Map<Variant, Kernel> kernels = new ConcurrentHashMap<>();
  private final Map<Variant, KernelException> failures = new ConcurrentHashMap<>();

  private record Variant(int device, String kernel, Map<String, Integer> macros) {}

  private KernelSource(String name, String text) {
    this.name = name;
    this.text = text;
  }

  /**
   * Reads a program.
   *
   * @param owner the class beside which its files are
   * @param files their names; compiled as one text in this order
   * @throws IllegalArgumentException if one is missing
   */
  public static KernelSource of(Class<?> owner, String... files) {
    StringBuilder text = new StringBuilder();
    for (String file : files) {
      text.append("#line 1 \"").append(file).append("\"\n").append(read(owner, file)).append('\n');
    }
    return new KernelSource(files[files.length - 1], text.toString());
  }

  private static String read(Class<?> owner, String file) {
    try (InputStream in = owner.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalArgumentException("there is no " + file + " beside " + owner.getName());
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + " beside " + owner.getName(), e);
    }
  }

  /**
   * Says whether a kernel is to be used for a tensor: it is on a CUDA device of compute capability
   * 8.0 or later, {@link KernelMode} allows it, and it can be compiled. That it cannot is said once
   * and then not tried again.
   *
   * @throws KernelException if it cannot be compiled and the mode is {@link KernelMode#FUSED}
   */
  public boolean usable(Tensor tensor, String kernel, Map<String, Integer> macros) {
    KernelMode mode = KernelMode.current();
    if (mode == KernelMode.PLAIN || !tensor.is_cuda()) {
      return false;
    }
    int device = Gpu.indexOf(tensor);
    Variant variant = new Variant(device, kernel, Map.copyOf(macros));
    if (kernels.containsKey(variant)) {
      return true;
    }
    if (!Gpu.of(device).supported() && mode == KernelMode.AUTO) {
      return false;
    }
    KernelException known = failures.get(variant);
    try {
      if (known == null) {
        load(variant);
        return true;
      }
    } catch (KernelException e) {
      known = e;
      failures.put(variant, e);
      LOG.log(
          System.Logger.Level.ERROR,
          e.getMessage() + "\nLibTorch's own operators are used instead, which is slower");
    }
    if (mode == KernelMode.FUSED) {
      throw known;
    }
    return false;
  }

  /**
   * Returns a kernel, compiled and loaded.
   *
   * @param tensor on the device where it is to run
   * @param kernel its name, declared {@code extern "C"}
   * @param macros what is defined while it is compiled, besides the source's own defaults
   * @throws KernelException if it cannot be compiled or loaded
   */
  public Kernel kernel(Tensor tensor, String kernel, Map<String, Integer> macros) {
    Variant variant = new Variant(Gpu.indexOf(tensor), kernel, Map.copyOf(macros));
    Kernel known = kernels.get(variant);
    return known != null ? known : load(variant);
  }

  private Kernel load(Variant variant) {
    return kernels.computeIfAbsent(
        variant,
        wanted -> {
          Gpu gpu = Gpu.of(wanted.device());
          if (!gpu.supported()) {
            throw new KernelException(
                "CUDA kernel "
                    + name
                    + " needs compute capability 8.0 or later; cuda:"
                    + gpu.index()
                    + " has "
                    + gpu.major()
                    + "."
                    + gpu.minor());
          }
          return load(gpu, wanted.kernel(), wanted.macros());
        });
  }

  private Kernel load(Gpu gpu, String kernel, Map<String, Integer> macros) {
    List<String> options = new ArrayList<>();
    options.add("--gpu-architecture=" + gpu.architecture());
    options.add("--std=c++17");
    new TreeMap<>(macros).forEach((macro, value) -> options.add("-D" + macro + "=" + value));
    List<String> parts = new ArrayList<>(options);
    parts.add(text);
    parts.add(Nvrtc.version());
    String key = CubinCache.key(parts);
    return LOADED.computeIfAbsent(
        List.of(gpu.index(), kernel, key),
        content ->
            Kernel.load(
                gpu,
                kernel,
                CubinCache.ofUser().get(key, () -> Nvrtc.compile(name, text, options))));
  }
}
