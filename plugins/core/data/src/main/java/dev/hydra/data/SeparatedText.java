package dev.hydra.data;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Cuts a text into documents where a separator stands, which is in none of them. */
final class SeparatedText implements TextSink {
  private final byte[] separator;
  private final TextSink sink;
  private byte[] waiting = {};
  private boolean begun;

  /**
   * Begins a text.
   *
   * @param separator what stands between documents, a character at least
   * @param sink takes the documents, of which none is empty
   */
  SeparatedText(String separator, TextSink sink) {
    this.separator = separator.getBytes(StandardCharsets.UTF_8);
    this.sink = sink;
  }

  @Override
  public void accept(byte[] piece) {
    byte[] text = Arrays.copyOf(waiting, waiting.length + piece.length);
    System.arraycopy(piece, 0, text, waiting.length, piece.length);
    int from = 0;
    for (int i = 0; i + separator.length <= text.length; i++) {
      if (stands(text, i, separator.length)) {
        give(text, from, i);
        end();
        from = i + separator.length;
        i = from - 1;
      }
    }
    int begins = Math.max(from, text.length - separator.length + 1);
    while (!stands(text, begins, text.length - begins)) {
      begins++;
    }
    give(text, from, begins);
    waiting = Arrays.copyOfRange(text, begins, text.length); // a separator may begin here
  }

  /** Says whether the first bytes of the separator stand somewhere. */
  private boolean stands(byte[] text, int at, int count) {
    return Arrays.equals(text, at, at + count, separator, 0, count);
  }

  private void give(byte[] text, int from, int to) {
    if (from < to) {
      begun = true;
      sink.accept(Arrays.copyOfRange(text, from, to));
    }
  }

  private void end() {
    if (begun) {
      sink.endOfDocument();
    }
    begun = false;
  }

  @Override
  public void endOfDocument() {
    give(waiting, 0, waiting.length);
    waiting = new byte[0];
    end();
  }
}
