package dev.hydra.tokenizer.hf;

import dev.hydra.data.StreamingDecoder;
import dev.hydra.data.Tokenizer;
import java.util.Arrays;

/**
 * Decodes tokens as they come by decoding the last few again with each new one, as {@code
 * DecodeStream} of the tokenizers library does: what a token adds depends on those before it.
 */
final class HfStreamingDecoder implements StreamingDecoder {
  private static final char INCOMPLETE = '\ufffd';

  private final Tokenizer tokenizer;
  private int[] tokens = {};

  /** How many of the tokens have come out. */
  private int done;

  /** The text of those. */
  private String shown = "";

  HfStreamingDecoder(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  @Override
  public String next(int token) {
    tokens = Arrays.copyOf(tokens, tokens.length + 1);
    tokens[tokens.length - 1] = token;
    String text = tokenizer.decode(tokens, true);
    // A text that takes back what was shown waits for more tokens, and for the end at last.
    if (text.length() <= shown.length()
        || text.charAt(text.length() - 1) == INCOMPLETE
        || !text.startsWith(shown)) {
      return "";
    }
    String added = text.substring(shown.length());
    tokens = Arrays.copyOfRange(tokens, done, tokens.length);
    shown = tokenizer.decode(tokens, true);
    done = tokens.length;
    return added;
  }

  @Override
  public String finish() {
    String text = tokenizer.decode(tokens, true);
    String rest = text.startsWith(shown) ? text.substring(shown.length()) : "";
    tokens = new int[0];
    done = 0;
    shown = "";
    return rest;
  }
}
