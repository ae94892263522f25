package dev.hydra.data;

import java.util.function.Consumer;
import java.util.function.IntConsumer;

/** Cuts a text into pieces for a tokenizer, the same ones in whatever pieces it comes. */
final class PieceSink implements TextSink {
  /** A piece of a text. */
  static final class Piece {
    private final byte[] text;
    private final boolean endsDocument;

    Piece(byte[] text, boolean endsDocument) {
      this.text = text;
      this.endsDocument = endsDocument;
    }

    /** Returns how much text it is. */
    int size() {
      return text.length;
    }

    /** Says whether a document ends with it. */
    boolean endsDocument() {
      return endsDocument;
    }

    /** Adds its tokens, and the token that ends a text if a document ends with it. */
    void encode(Tokenizer tokenizer, IntConsumer tokens) {
      tokenizer.encode(text, tokens);
      if (endsDocument) {
        tokenizer.endOfText().ifPresent(tokens);
      }
    }
  }

  private final Consumer<Piece> sink;
  private final LinePieces lines;
  private byte[] waiting = {};

  PieceSink(Consumer<Piece> sink) {
    this.sink = sink;
    this.lines =
        new LinePieces(
            text -> {
              if (waiting.length > 0) {
                sink.accept(new Piece(waiting, false));
              }
              waiting = text;
            });
  }

  @Override
  public void accept(byte[] text) {
    lines.add(text);
  }

  @Override
  public void endOfDocument() {
    lines.end();
    sink.accept(new Piece(waiting, true));
    waiting = new byte[0];
  }

  /** Ends the text. */
  void end() {
    lines.end();
    if (waiting.length > 0) {
      sink.accept(new Piece(waiting, false));
      waiting = new byte[0];
    }
  }
}
