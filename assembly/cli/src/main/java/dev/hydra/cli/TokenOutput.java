package dev.hydra.cli;

import dev.hydra.data.StreamingDecoder;
import dev.hydra.data.Tokenizer;
import java.io.PrintWriter;
import java.util.Optional;

/** Collects tokens as they are drawn: as text if there is a tokenizer, else as numbers. */
final class TokenOutput {
  private final Optional<StreamingDecoder> decoder;
  private final Optional<PrintWriter> live;
  private final StringBuilder text = new StringBuilder();

  /** An output that also prints to {@code live}, if there is one, at once. */
  TokenOutput(Optional<Tokenizer> tokenizer, Optional<PrintWriter> live) {
    this.decoder = tokenizer.map(StreamingDecoder::new);
    this.live = live;
  }

  void accept(int token) {
    emit(decoder.map(known -> known.next(token)).orElseGet(() -> token + " "));
  }

  /** Ends the last character; gives the whole text, if there is a tokenizer. */
  Optional<String> finish() {
    decoder.ifPresent(known -> emit(known.finish()));
    return decoder.map(known -> text.toString());
  }

  private void emit(String piece) {
    text.append(piece);
    live.ifPresent(
        out -> {
          out.print(piece);
          out.flush();
        });
  }
}
