package dev.hydra.composer.model;

import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.SafetensorsWriter;
import dev.hydra.libtorch.safetensors.TensorInfo;
import dev.hydra.libtorch.safetensors.TensorReplacements;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Writes and reads the parameters of a model in a safetensors file. Those that no component asks
 * for are named in its metadata: a model without them is not the worse. Low-rank adapters are
 * parameters as well; a model that is not adapted reads their sum with what they add to.
 */
public final class ModelFiles {
  private static final String UNUSED = "hydra.unused";
  private static final String SEPARATOR = "\n";
  private static final int LISTED = 4;

  private ModelFiles() {}

  /** Parameters in a file that are not those of a model. */
  public static final class MisfitException extends IOException {
    private static final long serialVersionUID = 1;

    MisfitException(String message) {
      super(message);
    }
  }

  /** Writes the masters of all parameters, under their full names. */
  public static void save(Model model, Path file) throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    List<String> unused = new ArrayList<>();
    for (Parameter parameter : model.parameters().all()) {
      tensors.put(parameter.name(), parameter.master());
      if (parameter.unused()) {
        unused.add(parameter.name());
      }
    }
    Map<String, String> metadata = new LinkedHashMap<>();
    if (!unused.isEmpty()) {
      metadata.put(UNUSED, String.join(SEPARATOR, unused));
    }
    LowRankAdapters adapters = model.parameters().adapters();
    if (!adapters.isEmpty()) {
      metadata.put(ModelTensors.SCALE, Double.toString(adapters.scale()));
    }
    SafetensorsWriter.write(file, tensors, metadata);
  }

  /** Says whether a file has low-rank adapters, which {@link #merge} adds up. */
  public static boolean adapted(Path file) throws IOException {
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      return ModelTensors.scale(tensors).isPresent();
    }
  }

  /**
   * Writes the parameters of a file with what its low-rank adapters add to them.
   *
   * @param replacements other tensors for some of the parameters, adapters included
   */
  public static void merge(Path file, Optional<TensorReplacements> replacements, Path out)
      throws IOException {
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      ModelTensors merged = ModelTensors.merged(tensors);
      if (replacements.isEmpty()) {
        write(merged, out);
        return;
      }
      try (SafetensorsFile others = SafetensorsFile.open(replacements.get().file())) {
        write(merged.with(others, replacements.get().names()), out);
      }
    }
  }

  private static void write(ModelTensors merged, Path out) throws IOException {
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> values = new LinkedHashMap<>();
      for (TensorInfo info : merged.infos()) {
        values.put(info.name(), merged.read(info.name()));
      }
      Map<String, String> metadata = new LinkedHashMap<>(merged.metadata());
      metadata.remove(ModelTensors.SCALE);
      SafetensorsWriter.write(out, values, metadata);
    }
  }

  /**
   * Reads all parameters.
   *
   * @throws MisfitException if the file lacks or has more than the model's parameters, listing the
   *     first of them; the model is then unchanged
   * @throws IOException if its header is damaged, the model is then unchanged; or if it cannot be
   *     read to its end, then some parameters have their values
   */
  public static void load(Model model, Path file) throws IOException {
    LowRankAdapters adapters = model.parameters().adapters();
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      ModelTensors values =
          adapters.isEmpty() ? ModelTensors.merged(tensors) : ModelTensors.of(tensors);
      check(model, file, values);
      checkScale(adapters, file, tensors);
      values.into(model.parameters().all());
    }
    adapters.merge();
  }

  /**
   * Reads all parameters of a model that is not adapted, other tensors for some of them; those that
   * it lacks are left out.
   *
   * @param file the parameters, to which adapters among the others add
   * @throws MisfitException if that file lacks or has more than the model's parameters
   * @throws IOException if a file is damaged, or a tensor has another shape than its parameter
   */
  public static void load(Model model, Path file, TensorReplacements replacements)
      throws IOException {
    try (SafetensorsFile tensors = SafetensorsFile.open(file);
        SafetensorsFile others = SafetensorsFile.open(replacements.file())) {
      ModelTensors values = ModelTensors.merged(tensors).with(others, replacements.names());
      check(model, file, values);
      values.into(model.parameters().all());
    } catch (IllegalArgumentException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private static void checkScale(LowRankAdapters adapters, Path file, SafetensorsFile tensors)
      throws IOException {
    double saved = ModelTensors.scale(tensors).orElse(1.0);
    if (!adapters.isEmpty() && saved != adapters.scale()) {
      throw new IOException(
          file
              + " has low-rank adapters that count alpha / rank = "
              + saved
              + ", those of the model "
              + adapters.scale()
              + "; leave trainer.lora as it was");
    }
  }

  private static void check(Model model, Path file, ModelTensors tensors) throws IOException {
    Map<String, TensorInfo> found = new TreeMap<>();
    tensors.infos().forEach(info -> found.put(info.name(), info));
    List<String> missing = new ArrayList<>();
    List<String> misshapen = new ArrayList<>();
    for (Parameter parameter : model.parameters().all()) {
      TensorInfo info = found.remove(parameter.name());
      if (info == null) {
        missing.add(parameter.name());
      } else if (!info.shape().equals(parameter.spec().shape())) {
        misshapen.add(parameter.name() + " " + info.shape() + " for " + parameter.spec().shape());
      }
    }
    found.keySet().removeAll(tensors.metadata().getOrDefault(UNUSED, "").lines().toList());
    if (!missing.isEmpty() || !misshapen.isEmpty() || !found.isEmpty()) {
      throw new MisfitException(
          file
              + " does not fit the model; missing: "
              + first(missing)
              + ", of another shape: "
              + first(misshapen)
              + ", not in the model: "
              + first(found.keySet()));
    }
  }

  /** A model has hundreds of parameters; the first tell what is wrong. */
  private static String first(Collection<String> names) {
    String listed = names.stream().limit(LISTED).collect(Collectors.joining(", ", "[", "]"));
    return names.size() > LISTED ? listed + " and " + (names.size() - LISTED) + " more" : listed;
  }
}
