package dev.hydra.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A published folder to spoil, and what importing it says. */
abstract class PublishedFolderTest {
  @TempDir Path folder;
  Path published;
  Path out;

  @BeforeEach
  void folders() {
    published = folder.resolve("published");
    out = folder.resolve("out");
  }

  void copy(Golden golden) throws IOException {
    Files.createDirectory(published);
    try (Stream<Path> files = Files.list(golden.folder())) {
      for (Path file : files.toList()) {
        Files.copy(file, published.resolve(file.getFileName()));
      }
    }
  }

  void edit(String file, String from, String to) throws IOException {
    Path path = published.resolve(file);
    String text = Files.readString(path);
    assertThat(text).contains(from);
    Files.writeString(path, text.replace(from, to));
  }

  /** Changes the tensors of model.safetensors. */
  void editTensors(Consumer<Map<String, Tensor>> change) throws IOException {
    Path file = published.resolve(Shards.FILE);
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      try (SafetensorsFile open = SafetensorsFile.open(file)) {
        for (var info : open.tensors()) {
          tensors.put(info.name(), open.read(info.name()));
        }
      }
      change.accept(tensors);
      SafetensorsWriter.write(file, tensors, Map.of());
    }
  }

  List<String> importIt() throws IOException {
    return HuggingFace.importModel(published, out, Golden.COMPONENTS, Progress.NONE);
  }

  String refused(Class<? extends Exception> kind) throws IOException {
    String message = String.valueOf(assertThrows(kind, this::importIt).getMessage());
    assertThat(out).doesNotExist();
    try (Stream<Path> left = Files.list(folder)) {
      assertTrue(left.noneMatch(path -> path.getFileName().toString().startsWith(".")));
    }
    return message;
  }

  static void contains(String message, String... parts) {
    for (String part : parts) {
      assertThat(message).contains(part);
    }
  }
}
