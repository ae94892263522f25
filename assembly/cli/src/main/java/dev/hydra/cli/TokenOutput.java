package dev.hydra.cli;

import dev.hydra.data.StreamingDecoder;
import dev.hydra.data.Tokenizer;
import java.io.PrintWriter;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Collects tokens as they are drawn: as text if there is a tokenizer, else as numbers. */
final class TokenOutput {
  private final @Nullable StreamingDecoder decoder;
  private final @Nullable PrintWriter live;
  private final StringBuilder text = new StringBuilder();

  /** An output that also prints to {@code live}, if there is one, at once. */
  TokenOutput(@Nullable Tokenizer tokenizer, @Nullable PrintWriter live) {
    this.decoder = tokenizer == null ? null : tokenizer.streamingDecoder();
    this.live = live;
  }

  void accept(int token) {
    emit(decoder == null ? token + " " : decoder.next(token));
  }

  /** Ends the last character; gives the whole text, if there is a tokenizer. */
  Optional<String> finish() {
    if (decoder == null) {
      return Optional.empty();
    }
    emit(decoder.finish());
    return Optional.of(text.toString());
  }

  private void emit(String piece) {
    text.append(piece);
    if (live != null) {
      live.print(piece);
      live.flush();
    }
  }
}
