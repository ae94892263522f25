package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Texts too long for an argument: from a file or from standard input. */
final class TextArgument {
  /** Stands for standard input. */
  static final String STDIN = "-";

  private TextArgument() {}

  /** The text of a file, or of {@code input} where the file is named {@code -}. */
  static String read(String file, InputStream input) throws IOException {
    if (file.equals(STDIN)) {
      return decoded("standard input", input.readAllBytes());
    }
    if (file.isEmpty()) {
      throw new UsageException("the name of the file is empty; - is standard input");
    }
    Path path = Path.of(file);
    if (!Files.exists(path)) {
      throw new UsageException("there is no file " + file);
    }
    if (Files.isDirectory(path)) {
      throw new UsageException(file + " is a folder, not a file");
    }
    return decoded(file, Files.readAllBytes(path));
  }

  /** Without a byte order mark, which some editors put before a text. */
  private static String decoded(String name, byte[] bytes) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return text.startsWith("\ufeff") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new UsageException(name + " is not text in UTF-8");
    }
  }
}
