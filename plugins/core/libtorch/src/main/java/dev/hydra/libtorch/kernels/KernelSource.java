package dev.hydra.libtorch.kernels;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Holds a CUDA C++ program that is in resources of a jar. It is compiled at first use, once for
 * every chip and every set of macros, as part of a {@link KernelSet}.
 */
public final class KernelSource {
  private final String name;
  private final String text;

  private KernelSource(String name, String text) {
    this.name = name;
    this.text = text;
  }

  /**
   * Reads a program. Parts that operators share are in this package, and found wherever the owner
   * is: {@code primitives.cu}, then {@code dependent_launch.cu}, {@code ranks.cu} (the largest of
   * many), {@code vectors.cu} (elements in memory), {@code activations.cu}, {@code reductions.cu}
   * and {@code tensor_cores.cu}, after that {@code tiles.cu} (matrices in shared memory), {@code
   * hopper_products.cu} (those whose products four warps issue together), {@code bulk_copies.cu}
   * (boxes that hardware copies) and {@code chunk_documents.cu}.
   *
   * @param owner the class beside which its own files are
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
    try (@Nullable InputStream own = owner.getResourceAsStream(file);
        @Nullable InputStream shared = KernelSource.class.getResourceAsStream(file)) {
      @Nullable InputStream in = own != null ? own : shared;
      if (in == null) {
        throw new IllegalArgumentException("there is no " + file + " beside " + owner.getName());
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + " beside " + owner.getName(), e);
    }
  }

  /** Returns the name that messages have: that of the last of its files. */
  public String name() {
    return name;
  }

  /** Returns the program as a whole. */
  public String text() {
    return text;
  }

  /**
   * Lists the options that it is compiled with. A macro that its text never mentions is left out,
   * so that programs which share macros are not compiled anew for those of others.
   */
  List<String> options(Gpu gpu, Map<String, Integer> macros) {
    return options(gpu.architecture(), macros);
  }

  /** The same for the name of an architecture. */
  List<String> options(String architecture, Map<String, Integer> macros) {
    List<String> options = new ArrayList<>();
    options.add("--gpu-architecture=" + architecture);
    options.add("--std=c++17");
    options.add("--device-as-default-execution-space"); // a lambda cannot say so portably
    new TreeMap<>(macros)
        .forEach(
            (macro, value) -> {
              if (text.contains(macro)) {
                options.add("-D" + macro + "=" + value);
              }
            });
    return options;
  }
}
