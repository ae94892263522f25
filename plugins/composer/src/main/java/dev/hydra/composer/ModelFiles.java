package dev.hydra.composer;

import dev.hydra.libtorch.safetensors.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** Parameters of a model in a safetensors file. */
public final class ModelFiles {
  private ModelFiles() {}

  /** Writes the masters of all parameters, under their full names. */
  public static void save(Model model, Path file) throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Parameter parameter : model.parameters().all()) {
      tensors.put(parameter.name(), parameter.master());
    }
    SafetensorsFile.write(file, tensors, Map.of());
  }

  /**
   * Reads all parameters.
   *
   * @throws IOException if the file is damaged, or lacks or has more than the model's parameters,
   *     listing them; the model is then unchanged
   */
  public static void load(Model model, Path file) throws IOException {
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      Set<String> missing = new TreeSet<>();
      Set<String> extra = new TreeSet<>(tensors.names());
      for (Parameter parameter : model.parameters().all()) {
        if (!extra.remove(parameter.name())) {
          missing.add(parameter.name());
        }
      }
      if (!missing.isEmpty() || !extra.isEmpty()) {
        throw new IOException(
            file + " does not fit the model: it lacks " + missing + " and has besides " + extra);
      }
      for (Parameter parameter : model.parameters().all()) {
        if (!tensors.info(parameter.name()).shape().equals(parameter.spec().shape())) {
          throw new IOException(
              file
                  + " does not fit the model: "
                  + parameter.name()
                  + " has shape "
                  + tensors.info(parameter.name()).shape()
                  + ", not "
                  + parameter.spec().shape());
        }
      }
      for (Parameter parameter : model.parameters().all()) {
        try (PointerScope scope = new PointerScope()) {
          model.parameters().load(parameter.name(), tensors.read(parameter.name()));
        }
      }
    }
  }
}
