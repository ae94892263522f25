package dev.hydra.libtorch.safetensors;

import static dev.hydra.testing.Samples.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.libtorch.io.PieceChecksums.Range;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Tensors are read into others, of more than a piece and of less, with and without conversion. */
@ExtendWith(InScope.class)
class SafetensorsIntoTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  private final Map<String, Tensor> saved = new LinkedHashMap<>();
  private Path file = Path.of("");

  @BeforeEach
  void write() throws IOException {
    file = folder.resolve("some.safetensors");
    saved.put("odd", torch.rand(7).to(ScalarType.Byte));
    saved.put("large", Tensors.add(torch.rand(3, 1_000_003), -0.5));
    saved.put("half", torch.rand(5, 2).to(ScalarType.BFloat16));
    saved.put("number", torch.rand(1).sum());
    saved.put("none", torch.empty(0, 3));
    SafetensorsWriter.write(file, saved, Map.of());
  }

  private static Tensor empty(Tensor like, ScalarType type) {
    return torch.empty(Tensors.sizes(like), new TensorOptions(type), null);
  }

  private void readsAs(ScalarType type) throws IOException {
    Map<String, Tensor> targets = new LinkedHashMap<>();
    saved.forEach((name, tensor) -> targets.put(name, empty(tensor, type)));
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      read.read(targets);
    }
    saved.forEach((name, tensor) -> assertClose(tensor.to(type), targets.get(name), 0));
  }

  @Test
  void theyAreConvertedAsLibTorchDoes() throws IOException {
    for (ScalarType type :
        List.of(ScalarType.Float, ScalarType.BFloat16, ScalarType.Double, ScalarType.Half)) {
      readsAs(type);
    }
  }

  @Test
  void onlyTheHandlesOfTargetsStay() throws IOException {
    Map<String, Tensor> targets = Map.of("large", empty(saved.get("large"), ScalarType.BFloat16));
    Handles.assertFreesItself(
        10,
        () -> {
          try (SafetensorsFile read = SafetensorsFile.open(file)) {
            read.read(targets);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  @Test
  void anotherShapeIsRefusedBeforeAnythingIsRead() throws IOException {
    Tensor odd = torch.zeros_like(saved.get("odd"));
    Map<String, Tensor> targets = new LinkedHashMap<>();
    targets.put("odd", odd);
    targets.put("half", torch.empty(2, 5));
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> read.read(targets));
      assertThat(refused)
          .hasMessage("tensor \"half\" has shape [5, 2] in " + file + ", not [2, 5]");
    }
    assertThat(Tensors.any(odd.ne(torch.zeros_like(odd)))).isFalse();
  }

  @Test
  void aFileThatIsShortenedMeanwhileIsAnError() throws IOException {
    for (ScalarType type : List.of(ScalarType.Float, ScalarType.BFloat16)) {
      Map<String, Tensor> targets = Map.of("large", empty(saved.get("large"), type));
      try (SafetensorsFile read = SafetensorsFile.open(file)) {
        try (RandomAccessFile shortened = new RandomAccessFile(file.toFile(), "rw")) {
          shortened.setLength(Files.size(file) - 6_000_000);
        }
        assertThrows(EOFException.class, () -> read.read(targets));
      }
      SafetensorsWriter.write(file, saved, Map.of());
    }
  }

  @Test
  void rangesAreWhereBytesStand() throws IOException {
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      List<Range> ranges = read.ranges(List.of("odd", "half"));
      long data = ranges.get(0).to();
      long large = 3L * 1_000_003 * 4;
      assertThat(ranges)
          .containsExactly(
              new Range(0, data),
              new Range(data, data + 7),
              new Range(data + 7 + large, data + 7 + large + 20));
      assertThrows(SafetensorsException.class, () -> read.ranges(List.of("other")));
    }
  }
}
