package dev.hydra.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** Checks that a file is UTF-8, piece by piece, and says where it is not. */
final class Utf8 {
  private final Object file;
  private final String remedy;
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT);
  private final CharBuffer scratch = CharBuffer.allocate(1 << 16);
  private long before;

  /**
   * Creates a check.
   *
   * @param file what is said to be wrong
   * @param remedy what to do, after what is wrong
   */
  Utf8(Object file, String remedy) {
    this.file = file;
    this.remedy = remedy;
  }

  /**
   * Checks a piece, which ends where a character ends unless it is malformed.
   *
   * @throws CorpusException naming the first byte that is wrong
   */
  void add(byte[] piece) {
    decoder.reset();
    ByteBuffer in = ByteBuffer.wrap(piece);
    CoderResult result;
    do {
      scratch.clear();
      result = decoder.decode(in, scratch, true);
    } while (result.isOverflow());
    if (result.isError()) {
      throw new CorpusException(
          String.format(
              Locale.ROOT,
              "%s is not UTF-8: byte %,d is 0x%02x%s",
              file,
              before + in.position(),
              piece[in.position()],
              remedy));
    }
    before += piece.length;
  }

  /** Returns where the last character begins that is not complete; else the size. */
  static int lastBoundary(byte[] piece) {
    for (int back = 1; back <= Math.min(3, piece.length); back++) {
      int b = piece[piece.length - back] & 0xff;
      if (b < 0x80) {
        return piece.length;
      }
      if (b >= 0xc0) {
        int size = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
        return size > back ? piece.length - back : piece.length;
      }
    }
    return piece.length;
  }
}
