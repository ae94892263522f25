package dev.hydra.composer.model;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.TensorInfo;
import java.io.IOException;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * The parameters in a file: as they are written, or what low-rank adapters add to them included.
 *
 * @param file the file, which the caller closes
 * @param infos what there is to read
 * @param adapted the names of those that adapters add to; none if those are parameters like others
 * @param scale what adapters count
 * @param others a file with other tensors, which the caller closes
 * @param names the names in that file, by the names of those that they take the place of
 */
record ModelTensors(
    SafetensorsFile file,
    List<TensorInfo> infos,
    Set<String> adapted,
    double scale,
    SafetensorsFile others,
    Map<String, String> names) {
  /** The key in the metadata of a file under which adapters' alpha / rank stands. */
  static final String SCALE = "hydra.lora.scale";

  /** Reads a file as it is written. */
  static ModelTensors of(SafetensorsFile file) {
    return new ModelTensors(file, file.tensors(), Set.of(), 1, file, Map.of());
  }

  /**
   * Reads a file with its adapters merged.
   *
   * @throws IOException if it does not say how much they count, or one is not complete
   */
  static ModelTensors merged(SafetensorsFile file) throws IOException {
    Optional<Double> scale = scale(file);
    if (scale.isEmpty()) {
      return of(file);
    }
    Map<String, TensorInfo> left = new LinkedHashMap<>();
    file.tensors().forEach(info -> left.put(info.name(), info));
    Set<String> all = Set.copyOf(left.keySet());
    Set<String> bases = new LinkedHashSet<>();
    for (String name : all) {
      Optional<String> base = LowRankAdapters.base(name);
      if (base.isPresent()) {
        left.remove(name);
        bases.add(base.get());
      }
    }
    for (String base : bases) {
      for (String end : List.of("", LowRankAdapters.A, LowRankAdapters.B)) {
        if (!all.contains(base + end)) {
          throw new IOException(
              "of the low-rank adapter of " + base + ", " + base + end + " is missing");
        }
      }
    }
    return new ModelTensors(file, List.copyOf(left.values()), bases, scale.get(), file, Map.of());
  }

  /** Reads other tensors in the place of some. */
  ModelTensors with(SafetensorsFile file, Map<String, String> others) {
    return new ModelTensors(this.file, infos, adapted, scale, file, others);
  }

  /** Returns what the adapters of a file count, if it has any. */
  static Optional<Double> scale(SafetensorsFile file) throws IOException {
    String written = file.metadata().get(SCALE);
    if (written == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(Double.valueOf(written));
    } catch (NumberFormatException e) {
      throw new IOException("its metadata say " + SCALE + " = " + written, e);
    }
  }

  Map<String, String> metadata() {
    return file.metadata();
  }

  /** Returns the names of the parameters that other tensors decide about. */
  Set<String> replaced() {
    Set<String> replaced = new LinkedHashSet<>();
    for (String name : names.keySet()) {
      replaced.add(LowRankAdapters.base(name).filter(adapted::contains).orElse(name));
    }
    return replaced;
  }

  /** Reads a parameter; sums of adapters are in the type that they were trained in. */
  Tensor read(String name) throws IOException {
    if (!adapted.contains(name)) {
      return part(name);
    }
    Tensor a = part(name + LowRankAdapters.A);
    Tensor b = part(name + LowRankAdapters.B);
    Tensor base = Tensors.cast(part(name), Tensors.type(a));
    return LowRankAdapter.merged(base, a, b, scale);
  }

  /**
   * Reads parameters, converted to their types. What adapters add to is read one by one, all else
   * at once.
   *
   * @throws IllegalArgumentException if one has another shape
   */
  void into(Collection<Parameter> parameters) throws IOException {
    Map<String, Tensor> own = new LinkedHashMap<>();
    Map<String, Tensor> other = new LinkedHashMap<>();
    for (Parameter parameter : parameters) {
      String name = parameter.name();
      String replacement = names.get(name);
      if (adapted.contains(name)) {
        try (PointerScope scope = new PointerScope()) {
          parameter.load(read(name));
        }
      } else if (replacement != null) {
        other.put(replacement, parameter.master());
      } else {
        own.put(name, parameter.master());
      }
    }
    file.read(own);
    others.read(other);
    parameters.forEach(Parameter::loaded);
  }

  private Tensor part(String name) throws IOException {
    String other = names.get(name);
    return other == null ? file.read(name) : others.read(other);
  }
}
