package dev.hydra.data;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;

/** Finds and reads a text file, plain or gzip; which of the two it is, its first bytes say. */
final class TextFile {
  private TextFile() {}

  /**
   * Finds the file of a name: an absolute name as it is, a relative one in the first folder that
   * has it.
   *
   * @throws CorpusException if there is none, naming every path tried
   */
  static Path find(String name, List<Path> roots) {
    if (name.contains("://")) {
      throw new CorpusException(
          "\""
              + name
              + "\" is an address, and only files are read; get it first, then name the file");
    }
    Path path;
    try {
      path = Path.of(name);
    } catch (InvalidPathException e) {
      throw new CorpusException("\"" + name + "\" cannot be a file name: " + e.getReason(), e);
    }
    List<Path> candidates =
        path.isAbsolute()
            ? List.of(path)
            : roots.stream().map(root -> root.resolve(path).toAbsolutePath().normalize()).toList();
    return candidates.stream()
        .filter(Files::exists)
        .findFirst()
        .orElseThrow(
            () ->
                new CorpusException(
                    "there is no file \""
                        + name
                        + "\"; looked for "
                        + candidates.stream()
                            .map(Path::toString)
                            .collect(Collectors.joining(", "))));
  }

  /**
   * Reads the whole text.
   *
   * @throws CorpusException if it cannot be read to its very end
   */
  static byte[] read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new CorpusException(file + " is not a file");
    }
    if (!Files.isReadable(file)) {
      throw new CorpusException(file + " may not be read by this user");
    }
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (IOException e) {
      throw new CorpusException(file + " cannot be read: " + e.getMessage(), e);
    }
    boolean packed = isGzip(bytes);
    byte[] text = packed ? unzip(file, bytes) : bytes;
    FileKind.notText(text)
        .ifPresent(
            problem -> {
              throw new CorpusException(file + (packed ? ", unpacked, " : " ") + problem);
            });
    return text;
  }

  /** Looks for the magic number of RFC 1952, section 2.3.1. */
  private static boolean isGzip(byte[] bytes) {
    return bytes.length >= 2 && bytes[0] == 0x1f && bytes[1] == (byte) 0x8b;
  }

  private static byte[] unzip(Path file, byte[] bytes) {
    try (Gunzip in = new Gunzip(bytes)) {
      byte[] text = in.readAllBytes();
      if (!in.atEnd()) {
        throw new IOException("something that is not gzip follows the compressed text");
      }
      return text;
    } catch (IOException e) {
      throw new CorpusException(
          file + " is a damaged gzip file (" + e.getMessage() + "); get or make it again", e);
    }
  }

  /** Says that there was no room for a text, or for the tokens of all texts so far. */
  static CorpusException tooLarge(Path file, OutOfMemoryError cause) {
    return new CorpusException(
        String.format(
            Locale.ROOT,
            "%s (%,d MB) does not fit into memory: all text is held in the Java heap, which is %,d"
                + " MB. HYDRA_JAVA_OPTS=-Xmx8g makes it 8 GB (a file may have 2 GB); or name less"
                + " text",
            file,
            file.toFile().length() >> 20,
            Runtime.getRuntime().maxMemory() >> 20),
        cause);
  }

  /** Knows what GZIPInputStream ignores: bytes after the last member. */
  private static final class Gunzip extends GZIPInputStream {
    private static final int TRAILER = 8;

    /**
     * Creates a stream with a buffer for the whole file, so what is left of it is left of the file.
     */
    Gunzip(byte[] bytes) throws IOException {
      super(new ByteArrayInputStream(bytes), bytes.length);
    }

    boolean atEnd() {
      return inf.getRemaining() == TRAILER;
    }
  }
}
