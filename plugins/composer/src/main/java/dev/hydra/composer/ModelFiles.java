package dev.hydra.composer;

import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.SafetensorsWriter;
import dev.hydra.libtorch.safetensors.TensorInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Parameters of a model in a safetensors file. Those that no component asks for are named in its
 * metadata: a model without them is not the worse.
 */
public final class ModelFiles {
  private static final String UNUSED = "hydra.unused";
  private static final String SEPARATOR = "\n";

  /**
   * Where a model and a file differed.
   *
   * @param initialised parameters that the file lacks: they are as in a new model
   * @param dropped those that it has, and the model has not
   * @param kept those that it has and that stay in the model without use
   */
  public record Differences(List<String> initialised, List<String> dropped, List<String> kept) {
    /** None. */
    public static final Differences NONE = new Differences(List.of(), List.of(), List.of());
  }

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
   *     listing them; the model is then unchanged
   */
  public static void load(Model model, Path file) throws IOException {
    load(model, file, SwapRequest.Vanished.ERROR);
  }

  /**
   * Reads the parameters that there are.
   *
   * @param policy what becomes of those that the model lacks. Unless they are an error, those that
   *     the file lacks are none either
   * @throws IOException as above; the model is then unchanged
   */
  public static Differences load(Model model, Path file, SwapRequest.Vanished policy)
      throws IOException {
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      Differences differences = compare(model, file, tensors, policy);
      for (Parameter parameter : model.parameters().all()) {
        if (!differences.initialised().contains(parameter.name())) {
          try (PointerScope scope = new PointerScope()) {
            model.parameters().load(parameter.name(), tensors.read(parameter.name()));
          }
        }
      }
      for (String name : differences.kept()) {
        try (PointerScope scope = new PointerScope()) {
          model.parameters().keep(name, tensors.read(name));
        }
      }
      return differences;
    }
  }

  private static Differences compare(
      Model model, Path file, SafetensorsFile tensors, SwapRequest.Vanished policy)
      throws IOException {
    Map<String, TensorInfo> found = new TreeMap<>();
    tensors.tensors().forEach(info -> found.put(info.name(), info));
    List<String> missing = new ArrayList<>();
    List<String> misshapen = new ArrayList<>();
    Differences all = new Differences(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    for (Parameter parameter : model.parameters().all()) {
      TensorInfo info = found.remove(parameter.name());
      if (info == null) {
        missing.add(parameter.name());
        all.initialised().add(parameter.name());
      } else if (!info.shape().equals(parameter.spec().shape())) {
        misshapen.add(parameter.name() + " " + info.shape() + " for " + parameter.spec().shape());
        all.initialised().add(parameter.name());
        all.dropped().add(parameter.name());
      }
    }
    boolean fits =
        switch (policy) {
          case ERROR -> {
            found.keySet().removeAll(unused(tensors));
            yield missing.isEmpty() && misshapen.isEmpty() && found.isEmpty();
          }
          case KEEP -> {
            all.kept().addAll(found.keySet());
            yield misshapen.isEmpty(); // there can be one of a name only
          }
          case DROP -> {
            all.dropped().addAll(found.keySet());
            yield true;
          }
        };
    if (!fits) {
      throw new IOException(
          file
              + " does not fit the model; missing: "
              + missing
              + ", of another shape: "
              + misshapen
              + ", not in the model: "
              + found.keySet());
    }
    return all;
  }

  private static List<String> unused(SafetensorsFile tensors) {
    return tensors.metadata().getOrDefault(UNUSED, "").lines().toList();
  }
}
