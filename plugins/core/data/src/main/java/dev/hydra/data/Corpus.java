package dev.hydra.data;

/** A text as one long sequence of tokens. */
public final class Corpus {
  private final TokenSequence tokens;

  Corpus(TokenSequence tokens) {
    this.tokens = tokens;
  }

  /**
   * Reads a text into memory.
   *
   * @param tokenizer what makes tokens of it
   * @throws dev.hydra.api.ConfigException if it cannot be read
   * @throws CorpusException if it is too long, or there is no text at all
   */
  public static Corpus read(Source source, Tokenizer tokenizer) {
    Tokens tokens = Tokens.forVocabulary(tokenizer.vocabSize());
    PieceSink pieces =
        new PieceSink(
            piece -> {
              piece.encode(tokenizer, tokens);
              if (piece.endsDocument()) {
                tokens.endDocument();
              }
            });
    source.read(pieces);
    pieces.end();
    if (tokens.size() == 0) {
      throw new CorpusException("the corpus is empty: the source gives no text");
    }
    return new Corpus(tokens);
  }

  /** Returns the number of tokens. */
  public long size() {
    return tokens.size();
  }

  /** Returns a short text that another sequence of tokens hardly shares. */
  public String fingerprint() {
    return tokens.fingerprint();
  }

  /** Returns where its documents end, see {@link TokenSequence#documentEnds}. */
  long[] documentEnds() {
    return tokens.documentEnds();
  }

  /** Returns the token at an index. */
  public int token(long index) {
    long[] one = new long[1];
    tokens.read(index, one, 0, 1);
    return (int) one[0];
  }

  /** Reads the tokens from an index on into a part of an array. */
  void read(long from, long[] into, int offset, int count) {
    tokens.read(from, into, offset, count);
  }
}
