package dev.hydra.libtorch.safetensors;

import static dev.hydra.testing.Samples.assertClose;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Tensors are read to a device, of so many pieces that every buffer is used several times. */
@Tag("cuda")
@ExtendWith(InScope.class)
class SafetensorsIntoCudaTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  private final Map<String, Tensor> saved = new LinkedHashMap<>();
  private Path file = Path.of("");

  @BeforeAll
  static void needsADevice() {
    Assumptions.assumeTrue(Devices.cudaAvailable());
  }

  @BeforeEach
  void write() throws IOException {
    file = folder.resolve("some.safetensors");
    saved.put("small", torch.rand(7));
    saved.put("large", Tensors.add(torch.rand(50, 1_000_003), -0.5));
    saved.put("half", torch.rand(30, 1_000_003).to(ScalarType.BFloat16));
    saved.put("none", torch.empty(0, 3));
    SafetensorsWriter.write(file, saved, Map.of());
  }

  private Map<String, Tensor> targets(ScalarType type) {
    Device device = Devices.choose("cuda");
    Map<String, Tensor> targets = new LinkedHashMap<>();
    saved.forEach(
        (name, tensor) -> targets.put(name, torch.zeros(Tensors.sizes(tensor)).to(device, type)));
    return targets;
  }

  @Test
  void everyPieceArrivesWhereItBelongs() throws IOException {
    for (ScalarType type : List.of(ScalarType.Float, ScalarType.BFloat16)) {
      Map<String, Tensor> targets = targets(type);
      try (SafetensorsFile read = SafetensorsFile.open(file)) {
        read.read(targets);
      }
      saved.forEach((name, tensor) -> assertClose(tensor.to(type), targets.get(name).cpu(), 0));
    }
  }

  @Test
  void aFileThatIsShortenedMeanwhileIsAnError() throws IOException {
    Map<String, Tensor> targets = targets(ScalarType.BFloat16);
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      try (RandomAccessFile shortened = new RandomAccessFile(file.toFile(), "rw")) {
        shortened.setLength(Files.size(file) - 6_000_000);
      }
      assertThrows(EOFException.class, () -> read.read(targets));
    }
  }
}
