package dev.hydra.data;

import com.github.luben.zstd.ZstdInputStream;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;

/**
 * Reads text files piece by piece: plain, gzip or zstd, which their first bytes say. A byte order
 * mark at the start is left out.
 */
public final class TextReader {
  private static final int PIECE = 1 << 20;

  /** What to do with text in another encoding. */
  static final String CONVERT = "convert it, such as by iconv -f LATIN1 -t UTF-8";

  private static final byte[] MARK = {(byte) 0xef, (byte) 0xbb, (byte) 0xbf};

  private TextReader() {}

  /**
   * Reads a text file that must be UTF-8.
   *
   * @param sink receives the text in order, in pieces that end where characters end
   * @throws CorpusException if it cannot be read to its very end, is of another format or not UTF-8
   */
  public static void read(Path file, Consumer<byte[]> sink) {
    Utf8 check = new Utf8(file, "; " + CONVERT + ", or take bytes as they are with encoding = any");
    boolean[] first = {true};
    bytes(
        file,
        piece -> {
          check.add(piece);
          if (first[0] && JsonLines.looksLike(piece)) {
            throw new CorpusException(
                file
                    + " holds JSON lines, not text: use source = jsonl, field = NAME (hydra eval:"
                    + " --source jsonl --field NAME); or take it as it is with encoding = any");
          }
          first[0] = false;
          sink.accept(piece);
        });
  }

  /**
   * Reads a file's bytes, unpacked, whatever they mean.
   *
   * @throws CorpusException if it cannot be read to its very end, or is of a format that is not
   *     text
   */
  static void bytes(Path file, Consumer<byte[]> sink) {
    try (InputStream in = open(file)) {
      boolean first = true;
      byte[] left = {};
      for (byte[] more = in.readNBytes(PIECE); more.length > 0; more = in.readNBytes(PIECE)) {
        byte[] piece = first ? withoutMark(file, more) : joined(left, more);
        first = false;
        int end = Utf8.lastBoundary(piece);
        left = Arrays.copyOfRange(piece, end, piece.length);
        if (end > 0) {
          sink.accept(end == piece.length ? piece : Arrays.copyOf(piece, end));
        }
      }
      if (left.length > 0) {
        sink.accept(left);
      }
    } catch (IOException e) {
      throw damaged(file, e);
    }
  }

  /**
   * Refuses what is not text.
   *
   * @param start the first bytes of the file, unpacked
   * @throws CorpusException saying what it is and how to read it
   */
  static void refuseOthers(Path file, byte[] start) {
    FileKind.notText(start)
        .ifPresent(
            problem -> {
              throw new CorpusException(
                  file + (packed(file).isPresent() ? ", unpacked, " : " ") + problem);
            });
  }

  /** Says what is wrong with a file that ends or goes on where it should not. */
  static CorpusException damaged(Path file, IOException cause) {
    String kind =
        packed(file)
            .map(format -> "is a damaged " + format.name().toLowerCase(Locale.ROOT) + " file")
            .orElse("cannot be read to its end");
    return new CorpusException(
        file + " " + kind + " (" + cause.getMessage() + "); get or make it again", cause);
  }

  /** Returns how a file is packed, as far as it can be read. */
  private static Optional<Format> packed(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      return Format.of(in.readNBytes(Format.BYTES));
    } catch (IOException unreadable) {
      return Optional.empty();
    }
  }

  private static byte[] joined(byte[] left, byte[] more) {
    byte[] both = Arrays.copyOf(left, left.length + more.length);
    System.arraycopy(more, 0, both, left.length, more.length);
    return both;
  }

  private static byte[] withoutMark(Path file, byte[] start) {
    refuseOthers(file, start);
    boolean marked = start.length >= 3 && Arrays.equals(MARK, Arrays.copyOf(start, 3));
    return marked ? Arrays.copyOfRange(start, 3, start.length) : start;
  }

  /** Returns the first bytes of a file, packed or not, by which it can be told what it is. */
  static byte[] start(Path file) {
    checkReadable(file);
    try (InputStream in = Files.newInputStream(file)) {
      return in.readNBytes(FileKind.LOOK);
    } catch (IOException e) {
      throw damaged(file, e);
    }
  }

  private static void checkReadable(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new CorpusException(file + " is not a file");
    }
    if (!Files.isReadable(file)) {
      throw new CorpusException(file + " may not be read by this user");
    }
  }

  /** Opens a file, unpacked. */
  static InputStream open(Path file) throws IOException {
    checkReadable(file);
    InputStream in = new BufferedInputStream(Files.newInputStream(file), PIECE);
    try {
      in.mark(Format.BYTES);
      byte[] start = in.readNBytes(Format.BYTES);
      in.reset();
      Optional<Format> format = Format.of(start);
      if (format.isPresent() && format.get() == Format.GZIP) {
        return new StrictGzip(in);
      } else if (format.isPresent() && format.get() == Format.ZSTD) {
        return new ZstdInputStream(in);
      }
      return in;
    } catch (IOException | RuntimeException e) {
      in.close();
      throw e;
    }
  }

  /** Knows what GZIPInputStream ignores: bytes after the last member. */
  private static final class StrictGzip extends GZIPInputStream {
    private static final int TRAILER = 8;

    private final InputStream packed;

    StrictGzip(InputStream packed) throws IOException {
      super(packed, PIECE);
      this.packed = packed;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      int read = super.read(buffer, offset, length);
      if (read < 0 && (inf.getRemaining() > TRAILER || packed.read() >= 0)) {
        throw new IOException("something that is not gzip follows the compressed text");
      }
      return read;
    }
  }
}
