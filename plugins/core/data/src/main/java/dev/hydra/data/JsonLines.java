package dev.hydra.data;

import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.io.NotJsonException;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/** Reads files of JSON objects, one a line; packed like text files. */
final class JsonLines {
  /** A line is in memory some five times while it is read; one that is longer is left out. */
  private static final int LONGEST = 32 << 20;

  private JsonLines() {}

  /** Takes one line. */
  interface Lines {
    /** Takes an object. */
    void object(Map<String, Object> object, String where);

    /** Takes what is wrong with a line, which says where it is. */
    void wrong(String problem);
  }

  /**
   * Reads a file.
   *
   * @throws CorpusException if it cannot be read to its end, or is of another format
   */
  static void read(Path file, Lines lines) {
    try (InputStream in = new BufferedInputStream(TextReader.open(file), 1 << 20)) {
      in.mark(FileKind.LOOK);
      TextReader.refuseOthers(file, in.readNBytes(FileKind.LOOK));
      in.reset();
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      long number = 1;
      boolean tooLong = false;
      for (int b = in.read(); ; b = in.read()) {
        if (b >= 0 && b != '\n') {
          tooLong |= line.size() >= LONGEST;
          if (!tooLong) {
            line.write(b);
          }
          continue;
        }
        if (tooLong) {
          lines.wrong(file + ": " + number + ": is longer than " + (LONGEST >> 20) + " MiB");
        } else {
          line(line.toByteArray(), file + ": " + number, lines);
        }
        line.reset();
        tooLong = false;
        number++;
        if (b < 0) {
          return;
        }
      }
    } catch (IOException e) {
      throw TextReader.damaged(file, e);
    }
  }

  private static void line(byte[] line, String where, Lines lines) throws IOException {
    if (isBlank(line)) {
      return;
    }
    Object value;
    try {
      new Utf8(where, "; " + TextReader.CONVERT).add(line);
      value = JsonText.parse(line);
    } catch (NotJsonException e) {
      lines.wrong(where + ": is " + e.getMessage());
      return;
    } catch (CorpusException e) {
      lines.wrong(String.valueOf(e.getMessage()));
      return;
    }
    if (value instanceof Map<?, ?> map) {
      @SuppressWarnings("unchecked") // JSON objects have texts as keys
      Map<String, Object> object = (Map<String, Object>) map;
      lines.object(object, where);
    } else {
      lines.wrong(where + ": is not a JSON object");
    }
  }

  private static boolean isBlank(byte[] line) {
    for (byte b : line) {
      if (b != ' ' && b != '\t' && b != '\r') {
        return false;
      }
    }
    return true;
  }

  /** Says whether a text begins with a line that is a JSON object, and goes on likewise. */
  static boolean looksLike(byte[] start) {
    if (start.length < 2 || start[0] != '{') {
      return false;
    }
    int end = 0;
    while (end < start.length && start[end] != '\n') {
      end++;
    }
    boolean more = end + 1 < start.length;
    if (more && start[end + 1] != '{') {
      return false;
    }
    try {
      Object first = JsonText.parse(Arrays.copyOf(start, end));
      return first instanceof Map<?, ?> map && !map.isEmpty();
    } catch (IOException e) {
      return false; // text that begins with a brace
    }
  }
}
