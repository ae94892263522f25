package dev.hydra.libtorch.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Sha256Test {
  /** FIPS 180-2, appendix B: "abc", and the letter a a million times. */
  private static final String ABC =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

  private static final String MILLION =
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

  @Test
  void hashesBytesFilesAndStreamsAlike(@TempDir Path folder) throws IOException {
    byte[] abc = "abc".getBytes(StandardCharsets.US_ASCII);
    assertEquals(ABC, Sha256.of(abc));
    assertEquals(ABC, Sha256.of(Files.write(folder.resolve("abc"), abc)));
    assertEquals(ABC, Sha256.of(out -> out.write(abc)));
    byte[] million = "a".repeat(1_000_000).getBytes(StandardCharsets.US_ASCII);
    assertEquals(MILLION, Sha256.of(Files.write(folder.resolve("a"), million)));
  }

  @Test
  void aMissingFileIsNamed(@TempDir Path folder) {
    Path missing = folder.resolve("missing");
    IOException thrown = assertThrows(NoSuchFileException.class, () -> Sha256.of(missing));
    assertEquals(missing.toString(), thrown.getMessage());
  }
}
