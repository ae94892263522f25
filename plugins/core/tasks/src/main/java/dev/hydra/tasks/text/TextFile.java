package dev.hydra.tasks.text;

import dev.hydra.tasks.Split;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;

/**
 * The bytes of a text, cut into parts of which every tenth is for validation and every tenth for
 * the test: windows lie within a part, so that those of different purposes never overlap.
 */
final class TextFile {
  private static final int PARTS = 200;
  private static final int VALIDATED = 8;
  private static final int TESTED = 9;
  private static final int EVERY = 10;

  private final byte[] bytes;
  private final int part;

  private TextFile(byte[] bytes) {
    this.bytes = bytes;
    this.part = bytes.length / PARTS;
  }

  /**
   * Reads a file, which may be compressed by gzip.
   *
   * @param roots the folders in which a relative name is looked for, in order
   * @throws IllegalArgumentException if there is none, or it cannot be read
   */
  static TextFile read(String name, List<Path> roots) {
    List<Path> candidates =
        Path.of(name).isAbsolute()
            ? List.of(Path.of(name))
            : roots.stream().map(root -> root.resolve(name)).toList();
    Path file =
        candidates.stream()
            .filter(Files::isRegularFile)
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "there is no file \""
                            + name
                            + "\"; looked for "
                            + candidates.stream()
                                .map(Path::toString)
                                .collect(Collectors.joining(", "))));
    try (InputStream raw = new BufferedInputStream(Files.newInputStream(file));
        InputStream in = file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw) {
      return new TextFile(in.readAllBytes());
    } catch (IOException e) {
      throw new IllegalArgumentException(file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Returns the most bytes that a window can have. */
  int longest() {
    return part;
  }

  /** Draws a window of a part of the text that is for a purpose. */
  int[] window(int length, Split split, SplittableRandom random) {
    int group = random.nextInt(PARTS / EVERY);
    int within =
        switch (split) {
          case TRAINING -> random.nextInt(VALIDATED);
          case VALIDATION -> VALIDATED;
          case TEST -> TESTED;
        };
    int begin = (group * EVERY + within) * part + random.nextInt(part - length + 1);
    int[] window = new int[length];
    for (int i = 0; i < length; i++) {
      window[i] = bytes[begin + i] & 0xff;
    }
    return window;
  }
}
