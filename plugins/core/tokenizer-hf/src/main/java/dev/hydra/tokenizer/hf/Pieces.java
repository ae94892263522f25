package dev.hydra.tokenizer.hf;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntConsumer;

/**
 * Encodes text piece by piece and remembers the ids of short pieces: words come again and again,
 * and the library takes many times longer to encode one than a look into a table.
 *
 * <p>Text is cut only where the pre-tokenizer cuts whatever stands around: see {@link #isCut}. So
 * the ids are those of the whole text. Only the pre-tokenizers for which that was thought through
 * have pieces; that the ids are the same is tried out for each tokenizer nevertheless.
 */
final class Pieces {
  private static final int LONGEST = 48;
  private static final int MOST = 1 << 18;

  private static final String[] PROBES = {
    "In the beginning God created the heaven and the earth. And the earth was without form,\n"
        + "and void; and darkness was upon the face of the deep.\n\n  Indented lines   and runs of"
        + " spaces\r\n\r\nit's don't WE'LL I'm they've\tTabs and\ttabs \n x",
    "int main(void) {\n  return 0x2A != 42; // a comment\n}\n\n\nstatic char *name = \"a b c\";\n"
        + "for i in range(10): print(i, 3.14159, 1000000)\n\n\nend",
    "na\u00efve caf\u00e9 \u00c5ngstr\u00f6m and \u4f60\u597d world \ud83d\ude00 smile e\u0301 acute"
        + " A\u030a ring x \u0301y z\u200d w\nnext line of a b c d e f g h i j k l m n o p q r s t",
    "THE QUICK brown Fox jumps over tHe lazy dog of of of the the the in in to to a a a I I I"
        + " is it as at be by we he she they them this that with from have has had not but what"
  };

  private final TokenizerHandle tokenizer;
  private final BitSet marks;
  private final BitSet starts = new BitSet();
  private final Map<String, int[]> known = new ConcurrentHashMap<>();

  private Pieces(TokenizerFile file, TokenizerHandle tokenizer) {
    this.tokenizer = tokenizer;
    this.marks = marks(file);
    file.added().stream()
        .map(token -> String.valueOf(token.get("content")))
        .filter(content -> !content.isEmpty())
        .forEach(content -> starts.set(content.charAt(0)));
  }

  /** Returns the pieces of a tokenizer; nothing if its ids depend on more than the piece. */
  static Optional<Pieces> of(TokenizerFile file, TokenizerHandle tokenizer) {
    if (!PreTokenizer.cutsAsExpected(file)
        || !file.added().stream().allMatch(Pieces::staysInside)) {
      return Optional.empty();
    }
    Pieces pieces = new Pieces(file, tokenizer);
    for (String probe : PROBES) {
      java.util.stream.IntStream.Builder ids = java.util.stream.IntStream.builder();
      pieces.encode(probe, ids);
      long[] whole = tokenizer.encode(probe, false);
      if (!Arrays.equals(ids.build().asLongStream().toArray(), whole)) {
        return Optional.empty();
      }
    }
    return Optional.of(pieces);
  }

  /** Says whether an added token is found in a piece alone as it is in the whole text. */
  private static boolean staysInside(Map<?, ?> token) {
    return !Boolean.TRUE.equals(token.get("lstrip"))
        && !Boolean.TRUE.equals(token.get("rstrip"))
        && !Boolean.TRUE.equals(token.get("single_word"))
        && String.valueOf(token.get("content")).chars().noneMatch(Character::isWhitespace);
  }

  /** Encodes a text of any length. */
  void encode(String text, IntConsumer sink) {
    int from = 0;
    for (int i = 1; i < text.length(); i++) {
      if (isCut(text, i)) {
        piece(text.substring(from, i), sink);
        from = i;
      }
    }
    if (from < text.length()) {
      piece(text.substring(from), sink);
    }
  }

  /**
   * Says whether the pre-tokenizers cut here. A space belongs to what follows it, so they cut
   * before one in front of ASCII text, unless that begins an added token, which takes no space;
   * white space before it is a piece of its own. They cut between letters or digits and a line
   * break, but not between a punctuation mark and one; between a single line break and ASCII text;
   * and between a letter and a mark, except an apostrophe and those that added tokens are made of.
   */
  private boolean isCut(String text, int at) {
    char before = text.charAt(at - 1);
    char here = text.charAt(at);
    if (here == ' ') {
      return at + 1 < text.length()
          && isVisible(text.charAt(at + 1))
          && !starts.get(text.charAt(at + 1));
    } else if (here == '\n') {
      return isLetter(before) || (before >= '0' && before <= '9');
    } else if (before == '\n') {
      return isVisible(here) && at > 1 && !isSpace(text.charAt(at - 2));
    }
    return isLetter(before) && marks.get(here);
  }

  private static boolean isVisible(char c) {
    return c > ' ' && c < 127;
  }

  private static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c);
  }

  private static boolean isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  /**
   * Returns the marks before which is cut: those that no added token has in it, as in {@code
   * <|x|>}.
   */
  private static BitSet marks(TokenizerFile file) {
    BitSet marks = new BitSet();
    for (char c = '!'; c < 127; c++) {
      marks.set(c, !isLetter(c) && !(c >= '0' && c <= '9') && c != '\'');
    }
    file.added()
        .forEach(token -> String.valueOf(token.get("content")).chars().forEach(marks::clear));
    return marks;
  }

  private void piece(String piece, IntConsumer sink) {
    int[] ids = piece.length() > LONGEST ? encode(piece) : known(piece);
    for (int id : ids) {
      sink.accept(id);
    }
  }

  private int[] known(String piece) {
    int[] ids = known.get(piece);
    if (ids == null) {
      ids = encode(piece);
      if (known.size() < MOST) {
        known.put(piece, ids);
      }
    }
    return ids;
  }

  private int[] encode(String piece) {
    return Arrays.stream(tokenizer.encode(piece, false)).mapToInt(id -> (int) id).toArray();
  }
}
