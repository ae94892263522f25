package dev.hydra.data;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** A text as one long sequence of tokens, held in memory. */
public final class Corpus {
  private final Tokens tokens;

  private Corpus(Tokens tokens) {
    this.tokens = tokens;
  }

  /**
   * Reads files, one after the other, with nothing between them.
   *
   * @param files plain text or gzip, told apart by content; a relative name is looked for in the
   *     roots, in order
   * @param roots folders
   * @param tokenizer what makes tokens of the text
   * @throws CorpusException if a file is missing, not readable or damaged, or if there is no text
   *     at all
   */
  public static Corpus read(List<String> files, List<Path> roots, Tokenizer tokenizer) {
    List<Path> paths = files.stream().map(name -> TextFile.find(name, roots)).toList();
    Tokens tokens = Tokens.forVocabulary(tokenizer.vocabSize());
    for (Path path : paths) {
      tokenizer.encode(TextFile.read(path), tokens);
    }
    if (tokens.size() == 0) {
      throw new CorpusException("the corpus is empty: no text in " + paths);
    }
    return new Corpus(tokens);
  }

  /** The number of tokens. */
  public int size() {
    return tokens.size();
  }

  /** The token at an index. */
  public int token(int index) {
    return tokens.get(index);
  }

  /** int64 [starts.length, width] on the CPU: the {@code width} tokens from each start on. */
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
