package dev.hydra.data;

import dev.hydra.chat.ChatTemplate;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A text as one long sequence of tokens. */
public final class Corpus {
  private final TokenSequence tokens;
  private final @Nullable BitSet marked;
  private final @Nullable ChatTemplate template;

  Corpus(TokenSequence tokens) {
    this(tokens, null, null);
  }

  private Corpus(TokenSequence tokens, @Nullable BitSet marked, @Nullable ChatTemplate template) {
    this.tokens = tokens;
    this.marked = marked;
    this.template = template;
  }

  /** Returns it with what made its text of conversations, if it is of conversations. */
  Corpus by(Optional<ChatTemplate> chatTemplate) {
    return new Corpus(tokens, marked, chatTemplate.orElse(null));
  }

  /** Returns what made its text of conversations, if it is of conversations. */
  Optional<ChatTemplate> chatTemplate() {
    return Optional.ofNullable(template);
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

  /**
   * Reads documents into memory, of which only the marked parts are to be predicted.
   *
   * @param tokenizer what makes tokens of them
   * @throws dev.hydra.api.ConfigException if they cannot be read
   * @throws CorpusException if they are too long
   */
  static Corpus readMarked(MarkedSource source, Tokenizer tokenizer) {
    Tokens tokens = Tokens.forVocabulary(tokenizer.vocabSize());
    BitSet marked = new BitSet();
    source.readMarked(
        document -> {
          int begin = Math.toIntExact(tokens.size());
          MarkedTokens own = MarkedTokens.of(document, tokenizer);
          own.marked().stream().forEach(at -> marked.set(begin + at));
          for (int token : own.tokens()) {
            tokens.accept(token);
          }
          tokens.endDocument();
        });
    return new Corpus(tokens, marked, null);
  }

  /** Says whether only some of it is to be predicted. */
  boolean hasMarks() {
    return marked != null;
  }

  /** Says whether a token is to be predicted. */
  boolean isMarked(long index) {
    return marked == null || marked.get((int) index);
  }

  /** Says whether anything in some ranges is to be predicted. */
  boolean predicts(List<Range> ranges) {
    return marked == null
        || ranges.stream()
            .anyMatch(
                range -> {
                  int next = marked.nextSetBit((int) range.from() + 1); // the first has none before
                  return next >= 0 && next < range.to();
                });
  }

  /** Returns the number of tokens. */
  public long size() {
    return tokens.size();
  }

  /** Returns a short text that another sequence of tokens hardly shares. */
  public String fingerprint() {
    return marked == null
        ? tokens.fingerprint()
        : tokens.fingerprint() + "-%08x".formatted(marked.hashCode());
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
