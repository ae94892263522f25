package dev.hydra.data;

import java.io.ByteArrayOutputStream;
import java.util.function.Consumer;

/**
 * Cuts a text that comes in any pieces into pieces of a size that suits a tokenizer, each of which
 * ends where a line ends. So the same text has the same pieces, however it is read.
 */
public final class LinePieces {
  private static final int SIZE = 1 << 16;

  /** A text without line ends is cut at last, between characters. */
  private static final int LONGEST = 1 << 20;

  private final Consumer<byte[]> sink;
  private final ByteArrayOutputStream piece = new ByteArrayOutputStream();

  /** Creates an empty text; the sink receives its pieces. */
  public LinePieces(Consumer<byte[]> sink) {
    this.sink = sink;
  }

  /** Adds text, UTF-8. */
  public void add(byte[] text) {
    int from = 0;
    for (int i = 0; i < text.length; i++) {
      int size = piece.size() + i + 1 - from;
      boolean lineEnds = size >= SIZE && text[i] == '\n';
      boolean tooLong = size >= LONGEST && (i + 1 == text.length || (text[i + 1] & 0xc0) != 0x80);
      if (lineEnds || tooLong) {
        piece.write(text, from, i + 1 - from);
        end();
        from = i + 1;
      }
    }
    piece.write(text, from, text.length - from);
  }

  /** Ends the text. */
  public void end() {
    if (piece.size() > 0) {
      sink.accept(piece.toByteArray());
      piece.reset();
    }
  }
}
