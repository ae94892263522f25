package dev.hydra.huggingface;

import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.TensorInfo;
import dev.hydra.libtorch.safetensors.TensorReplacements;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/** The tensors of a model, in one safetensors file or in several with an index. */
final class Shards implements Closeable {
  static final String FILE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";

  private final Map<String, SafetensorsFile> files = new TreeMap<>();
  private final Map<String, String> fileOf = new TreeMap<>();
  private final Map<String, TensorInfo> tensors = new TreeMap<>();

  private Shards() {}

  /**
   * Opens the tensors of a folder.
   *
   * @throws IOException if there are none, a file is damaged or missing, or the index does not say
   *     what the files hold
   */
  static Shards open(Path folder) throws IOException {
    Path index = folder.resolve(INDEX);
    Shards shards = new Shards();
    try {
      if (Files.exists(folder.resolve(FILE))) {
        shards.add(folder, FILE);
      } else if (Files.exists(index)) {
        shards.addAll(folder, index);
      } else {
        throw new IOException(folder + " has neither " + FILE + " nor " + INDEX + remedy(folder));
      }
      return shards;
    } catch (IOException | RuntimeException e) {
      shards.close();
      throw e;
    }
  }

  private static String remedy(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".safetensors"))
          .sorted()
          .findFirst()
          .map(name -> "; there is " + name + ", but not the index that says what is where")
          .orElse("; only safetensors are read");
    }
  }

  private void add(Path folder, String name) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(folder.resolve(name));
    files.put(name, file);
    for (TensorInfo tensor : file.tensors()) {
      String other = fileOf.put(tensor.name(), name);
      if (other != null) {
        throw new IOException(
            "%s: tensor %s is in %s and in %s".formatted(folder, tensor.name(), other, name));
      }
      tensors.put(tensor.name(), tensor);
    }
  }

  private void addAll(Path folder, Path index) throws IOException {
    Map<String, String> expected = weightMap(index);
    for (String name : new TreeSet<>(expected.values())) {
      if (!name.matches("[\\w-][\\w.-]*")) {
        throw new IOException(index + ": \"" + name + "\" is not the name of a file beside it");
      }
      if (!Files.isRegularFile(folder.resolve(name))) {
        throw new IOException(index + " names " + name + ", but that file is missing");
      }
      add(folder, name);
    }
    Problems problems = new Problems();
    expected.forEach(
        (tensor, file) -> {
          if (!file.equals(fileOf.get(tensor))) {
            problems.add("not in the file that the index names", tensor);
          }
        });
    fileOf.keySet().stream()
        .filter(tensor -> !expected.containsKey(tensor))
        .forEach(tensor -> problems.add("not in the index", tensor));
    problems.throwIfAny(index.toString());
  }

  private static Map<String, String> weightMap(Path index) throws IOException {
    if (!(JsonText.object(index).get("weight_map") instanceof Map<?, ?> map) || map.isEmpty()) {
      throw new IOException(index + " has no object weight_map, or an empty one; fetch it again");
    }
    Map<String, String> files = new TreeMap<>();
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      if (!(entry.getValue() instanceof String file)) {
        throw new IOException(
            index + ": weight_map.\"" + entry.getKey() + "\" is not the name of a file");
      }
      files.put(String.valueOf(entry.getKey()), file);
    }
    return files;
  }

  /**
   * Takes tensors of another file in the place of some of these.
   *
   * @throws IOException if the file is damaged, or lacks one of them
   */
  void replace(TensorReplacements replacements) throws IOException {
    String file = replacements.file().toString();
    SafetensorsFile other = SafetensorsFile.open(replacements.file());
    files.put(file, other);
    Map<String, TensorInfo> found = new TreeMap<>();
    other.tensors().forEach(info -> found.put(info.name(), info));
    for (Map.Entry<String, String> each : replacements.names().entrySet()) {
      TensorInfo info = found.get(each.getValue());
      if (info == null) {
        throw new IOException(file + " lacks " + each.getValue());
      }
      if (tensors.replace(each.getKey(), info) != null) {
        fileOf.put(each.getKey(), file);
      }
    }
  }

  /** The tensors by name. */
  Map<String, TensorInfo> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  Optional<TensorInfo> tensor(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  /** Copies bytes of a tensor. */
  void copy(String name, long from, long count, WritableByteChannel to) throws IOException {
    SafetensorsFile file = files.get(fileOf.getOrDefault(name, ""));
    TensorInfo info = tensors.get(name);
    if (file == null || info == null) {
      throw new IllegalArgumentException("no tensor " + name);
    }
    file.copy(info.name(), from, count, to); // what takes its place has a name of its own
  }

  @Override
  public void close() throws IOException {
    for (SafetensorsFile file : files.values()) {
      file.close();
    }
  }
}
