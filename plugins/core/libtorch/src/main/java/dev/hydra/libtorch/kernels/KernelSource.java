package dev.hydra.libtorch.kernels;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

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

  /** The name in messages. */
  String name() {
    return name;
  }

  String text() {
    return text;
  }

  /**
   * Lists the options that it is compiled with. A macro that its text never mentions is left out,
   * so that programs which share macros are not compiled anew for those of others.
   */
  List<String> options(Gpu gpu, Map<String, Integer> macros) {
    List<String> options = new ArrayList<>();
    options.add("--gpu-architecture=" + gpu.architecture());
    options.add("--std=c++17");
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
