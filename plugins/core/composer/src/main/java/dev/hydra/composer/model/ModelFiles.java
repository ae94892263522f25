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
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Writes and reads the parameters of a model in a safetensors file. Those that no component asks
 * for are named in its metadata: a model without them is not the worse.
 */
public final class ModelFiles {
  private static final String UNUSED = "hydra.unused";
  private static final String SEPARATOR = "\n";
  private static final int LISTED = 4;

  private ModelFiles() {}

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
    Map<String, String> metadata =
        unused.isEmpty() ? Map.of() : Map.of(UNUSED, String.join(SEPARATOR, unused));
    SafetensorsWriter.write(file, tensors, metadata);
  }

  /**
   * Reads all parameters.
   *
   * @throws IOException if the file is damaged, or lacks or has more than the model's parameters,
   *     listing the first of them; the model is then unchanged
   */
  public static void load(Model model, Path file) throws IOException {
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      check(model, file, tensors);
      for (Parameter parameter : model.parameters().all()) {
        try (PointerScope scope = new PointerScope()) {
          model.parameters().load(parameter.name(), tensors.read(parameter.name()));
        }
      }
    }
  }

  /**
   * Reads other tensors for some of the parameters; those that the model lacks are left out.
   *
   * @throws IOException if the file is damaged, or a tensor has another shape than its parameter
   */
  public static void load(Model model, TensorReplacements replacements) throws IOException {
    try (SafetensorsFile tensors = SafetensorsFile.open(replacements.file())) {
      for (Map.Entry<String, String> each : replacements.names().entrySet()) {
        if (model.parameters().has(each.getKey())) {
          try (PointerScope scope = new PointerScope()) {
            model.parameters().load(each.getKey(), tensors.read(each.getValue()));
          } catch (IllegalArgumentException e) {
            throw new IOException(replacements.file() + ": " + e.getMessage(), e);
          }
        }
      }
    }
  }

  private static void check(Model model, Path file, SafetensorsFile tensors) throws IOException {
    Map<String, TensorInfo> found = new TreeMap<>();
    tensors.tensors().forEach(info -> found.put(info.name(), info));
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
    found.keySet().removeAll(unused(tensors));
    if (!missing.isEmpty() || !misshapen.isEmpty() || !found.isEmpty()) {
      throw new IOException(
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

  private static List<String> unused(SafetensorsFile tensors) {
    return tensors.metadata().getOrDefault(UNUSED, "").lines().toList();
  }
}
