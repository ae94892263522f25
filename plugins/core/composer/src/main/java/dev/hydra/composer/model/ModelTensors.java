package dev.hydra.composer.model;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.TensorInfo;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;

/**
 * The parameters in a file: as they are written, or what low-rank adapters add to them included.
 *
 * @param file the file, which the caller closes
 * @param infos what there is to read
 * @param adapted the names of those that adapters add to; none if those are parameters like others
 * @param scale what adapters count
 */
record ModelTensors(
    SafetensorsFile file, List<TensorInfo> infos, Set<String> adapted, double scale) {
  /** The key in the metadata of a file under which adapters' alpha / rank stands. */
  static final String SCALE = "hydra.lora.scale";

  /** Reads a file as it is written. */
  static ModelTensors of(SafetensorsFile file) {
    return new ModelTensors(file, file.tensors(), Set.of(), 1);
  }

  /**
   * Reads a file with its adapters merged.
   *
   * @throws IOException if it does not say how much they count, or one has no matrix to add to
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
    for (TensorInfo info : file.tensors()) {
      Optional<String> base = LowRankAdapters.base(info.name());
      if (base.isPresent()) {
        left.remove(info.name());
        bases.add(base.get());
        for (String end : List.of("", LowRankAdapters.A, LowRankAdapters.B)) {
          if (!all.contains(base.get() + end)) {
            throw new IOException(
                "of the low-rank adapter of "
                    + base.get()
                    + ", "
                    + base.get()
                    + end
                    + " is missing");
          }
        }
      }
    }
    return new ModelTensors(file, List.copyOf(left.values()), bases, scale.get());
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

  /** Reads a parameter; sums of adapters are in the type that they were trained in. */
  Tensor read(String name) throws IOException {
    if (!adapted.contains(name)) {
      return file.read(name);
    }
    Tensor a = file.read(name + LowRankAdapters.A);
    Tensor b = file.read(name + LowRankAdapters.B);
    Tensor base = Tensors.cast(file.read(name), Tensors.type(a));
    return LowRankAdapter.merged(base, a, b, scale);
  }
}
