package dev.hydra.data;

import org.bytedeco.pytorch.Tensor;

/** A text as one long sequence of tokens, held in memory. */
public final class Corpus {
  private final Tokens tokens;

  private Corpus(Tokens tokens) {
    this.tokens = tokens;
  }

  /**
   * Reads a text.
   *
   * @param tokenizer what makes tokens of it
   * @throws dev.hydra.api.ConfigException if it cannot be read
   * @throws CorpusException if it is too long, or there is no text at all
   */
  public static Corpus read(Source source, Tokenizer tokenizer) {
    Tokens tokens = Tokens.forVocabulary(tokenizer.vocabSize());
    source.read(
        new TextSink() {
          @Override
          public void accept(byte[] text) {
            tokenizer.encode(text, tokens);
          }

          @Override
          public void endOfDocument() {
            tokenizer.endOfText().ifPresent(tokens);
          }
        });
    if (tokens.size() == 0) {
      throw new CorpusException("the corpus is empty: the source gives no text");
    }
    return new Corpus(tokens);
  }

  /** Returns the number of tokens. */
  public int size() {
    return tokens.size();
  }

  /** Returns the token at an index. */
  public int token(int index) {
    return tokens.get(index);
  }

  /**
   * Returns the {@code width} tokens from each start on: int64 [starts.length, width] on the CPU.
   */
  Tensor windows(int[] starts, int width) {
    long[] ids = new long[Math.multiplyExact(starts.length, width)];
    for (int row = 0; row < starts.length; row++) {
      for (int i = 0; i < width; i++) {
        ids[row * width + i] = tokens.get(starts[row] + i);
      }
    }
    return Tensor.create(ids, starts.length, width);
  }
}
