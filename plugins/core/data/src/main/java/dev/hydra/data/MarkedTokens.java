package dev.hydra.data;

import dev.hydra.chat.MarkedText;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The tokens of a marked text. It is encoded as a whole, as in generation; a token is marked if a
 * character of it is. Where a part begins or ends is found by encoding the text up to there.
 */
final class MarkedTokens {
  private final int[] tokens;
  private final BitSet marked;

  private MarkedTokens(int[] tokens, BitSet marked) {
    this.tokens = tokens;
    this.marked = marked;
  }

  /** Encodes a text. */
  static MarkedTokens of(MarkedText text, Tokenizer tokenizer) {
    int[] all = tokenizer.encode(text.text());
    BitSet marked = new BitSet();
    for (MarkedText.Span span : text.marked()) {
      int[] before = tokenizer.encode(text.text().substring(0, span.from()));
      int[] with = tokenizer.encode(text.text().substring(0, span.to()));
      int from = common(all, before);
      int same = common(all, with);
      // A token that goes on after the part belongs to it as well.
      int to = same == with.length ? same : Math.min(same + 1, all.length);
      marked.set(from, Math.max(from, to));
    }
    return new MarkedTokens(all, marked);
  }

  /** Returns all tokens. */
  int[] tokens() {
    return tokens;
  }

  /** Returns the indices of those that are marked. */
  BitSet marked() {
    return marked;
  }

  /** Returns how many tokens two texts begin with alike. */
  private static int common(int[] some, int[] others) {
    int mismatch = Arrays.mismatch(some, others);
    return mismatch < 0 ? some.length : mismatch;
  }
}
