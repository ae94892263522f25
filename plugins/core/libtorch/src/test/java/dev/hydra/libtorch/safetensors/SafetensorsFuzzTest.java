package dev.hydra.libtorch.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.DamagedJson;
import dev.hydra.testing.InScope;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Damaged headers are refused, or are still headers whose every tensor can be read. */
@ExtendWith(InScope.class)
class SafetensorsFuzzTest {
  private static final String HEADER =
      """
      {"__metadata__":{"format":"pt"},
      "a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
      "b":{"dtype":"BOOL","shape":[0],"data_offsets":[24,24]},
      "c":{"dtype":"I64","shape":[],"data_offsets":[24,32]}}""";
  private static final int DATA = 32;

  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  @Test
  void flippedBytes() throws IOException {
    Random random = new Random(20_26);
    int refused = 0;
    int rounds = 1500;
    for (int round = 0; round < rounds; round++) {
      byte[] bytes = RawFile.bytes(HEADER, DATA);
      for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
        bytes[random.nextInt(bytes.length - DATA)] ^= (byte) (1 << random.nextInt(8));
      }
      refused += isRefused(RawFile.in(folder, bytes)) ? 1 : 0;
    }
    // Names and texts can change and stay correct, so that not all are refused.
    assertTrue(refused > rounds / 2 && refused < rounds, refused + " refused");
  }

  @Test
  void everyValueInTurn() {
    List<String> refused = new ArrayList<>();
    DamagedJson.each(
        HEADER,
        (what, header) -> {
          try {
            if (isRefused(RawFile.in(folder, RawFile.bytes(header, DATA)))) {
              refused.add(what);
            }
          } catch (IOException e) {
            throw new UncheckedIOException(what, e);
          }
        });
    assertThat(refused).hasSizeGreaterThan(100).doesNotContain(".__metadata__ left out");
  }

  @Test
  void everyTruncation() throws IOException {
    byte[] bytes = RawFile.bytes(HEADER, DATA);
    for (int length = 0; length < bytes.length; length++) {
      byte[] shortened = Arrays.copyOf(bytes, length);
      assertTrue(isRefused(RawFile.in(folder, shortened)), "cut to " + length);
    }
  }

  private static boolean isRefused(Path file) throws IOException {
    try (SafetensorsFile read = SafetensorsFile.open(file)) {
      long total = 0;
      for (TensorInfo info : read.tensors()) {
        Tensor tensor = read.read(info.name());
        assertEquals(info.dtype().type(), Tensors.type(tensor));
        total += tensor.nbytes();
      }
      assertEquals(DATA, total);
      return false;
    } catch (SafetensorsException e) {
      return true;
    }
  }
}
