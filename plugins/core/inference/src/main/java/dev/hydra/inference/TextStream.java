package dev.hydra.inference;

import dev.hydra.data.StreamingDecoder;
import dev.hydra.data.Tokenizer;
import java.util.List;

/**
 * Turns tokens into text as they are drawn, up to the first stop string. What may be the beginning
 * of one is held back until it is known.
 */
public final class TextStream {
  private final StreamingDecoder decoder;
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean stopped;

  /**
   * Begins a text.
   *
   * @param stops strings that end it, and are not part of it; none of them empty
   */
  public TextStream(Tokenizer tokenizer, List<String> stops) {
    this.decoder = tokenizer.streamingDecoder();
    this.stops = List.copyOf(stops);
    if (stops.stream().anyMatch(String::isEmpty)) {
      throw new IllegalArgumentException("a stop string must not be empty");
    }
  }

  /** Takes a token; returns the text that is certain now, which may be none. */
  public String next(int token) {
    return stopped ? "" : take(decoder.next(token), false);
  }

  /** Ends the text; returns what was held back. */
  public String finish() {
    return stopped ? "" : take(decoder.finish(), true);
  }

  /** Says whether a stop string has been met. */
  public boolean stopped() {
    return stopped;
  }

  private String take(String piece, boolean last) {
    held.append(piece);
    int stop = stops.stream().mapToInt(held::indexOf).filter(at -> at >= 0).min().orElse(-1);
    if (stop >= 0) {
      stopped = true;
      return held.substring(0, stop);
    }
    int certain = last ? held.length() : held.length() - pending();
    String text = held.substring(0, certain);
    held.delete(0, certain);
    return text;
  }

  /** How many of the last characters may be the beginning of a stop string. */
  private int pending() {
    int longest = stops.stream().mapToInt(String::length).max().orElse(1) - 1;
    for (int length = Math.min(longest, held.length()); length > 0; length--) {
      String end = held.substring(held.length() - length);
      if (stops.stream().anyMatch(stop -> stop.startsWith(end))) {
        return length;
      }
    }
    return 0;
  }
}
