package dev.hydra.libtorch.io;

import static dev.hydra.libtorch.io.PieceChecksums.PIECE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.io.PieceChecksums.Range;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PieceChecksumsTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  private Path write(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("file"), bytes);
  }

  /** The check value of RFC 3720's polynomial. */
  @Test
  void theyAreThoseOfTheField() throws IOException {
    Path file = write("123456789".getBytes(StandardCharsets.US_ASCII));
    assertEquals(List.of("e3069283"), PieceChecksums.of(file, 1).pieces());
  }

  @Test
  void anyNumberOfThreadsFindsDamageAnywhere() throws IOException {
    byte[] bytes = new byte[3 * PIECE + 5];
    new Random(1).nextBytes(bytes);
    PieceChecksums checksums = PieceChecksums.of(write(bytes), 3);
    assertThat(checksums.pieces()).hasSize(4);
    for (int threads : new int[] {1, 2, 9}) {
      assertEquals(checksums, PieceChecksums.of(write(bytes), threads));
      assertThat(checksums.match(folder.resolve("file"), all(bytes), threads)).isTrue();
    }
    for (int at : new int[] {0, PIECE - 1, PIECE, 3 * PIECE + 4}) {
      byte[] damaged = bytes.clone();
      damaged[at] ^= 1;
      Path file = write(damaged);
      assertThat(checksums.match(file, all(bytes), 2)).isFalse();
      Range elsewhere = at < 2 * PIECE ? new Range(2 * PIECE, 2 * PIECE + 1) : new Range(0, PIECE);
      assertThat(checksums.match(file, List.of(elsewhere), 2)).isTrue();
    }
    assertThat(checksums.match(write(Arrays.copyOf(bytes, 2 * PIECE)), List.of(), 2)).isFalse();
  }

  private static List<Range> all(byte[] bytes) {
    return List.of(new Range(0, bytes.length));
  }

  @Test
  void anEmptyFileHasNone() throws IOException {
    PieceChecksums checksums = PieceChecksums.of(write(new byte[0]), 2);
    assertThat(checksums.pieces()).isEmpty();
    assertThat(checksums.match(folder.resolve("file"), List.of(), 2)).isTrue();
  }
}
