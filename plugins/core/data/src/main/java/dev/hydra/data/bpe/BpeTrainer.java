package dev.hydra.data.bpe;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes byte-level BPE tokenizers in the format of the Hugging Face tokenizers library: every text
 * can be encoded, and comes back as it was.
 */
public final class BpeTrainer {
  /** The special token that ends a document, the first of the vocabulary. */
  public static final String END_OF_TEXT = "<|endoftext|>";

  /** The smallest vocabulary: all bytes, and the special token. */
  public static final int SMALLEST = ByteAlphabet.SIZE + 1;

  private BpeTrainer() {}

  /**
   * Learns a tokenizer.
   *
   * @param words the words of the text
   * @param vocabSize the number of tokens, at least {@link #SMALLEST}; there are fewer if the text
   *     is so small that nothing comes twice any more
   * @param progress told how many merges there are, of {@code vocabSize - SMALLEST}
   * @return the text of a tokenizer.json
   */
  public static String train(WordCounts words, int vocabSize, IntConsumer progress)
      throws IOException {
    if (vocabSize < SMALLEST) {
      throw new IllegalArgumentException(
          "a vocabulary has at least "
              + SMALLEST
              + " tokens, one for each byte and the end of a text, but was to have "
              + vocabSize);
    }
    List<Merges.Pair> merges = Merges.find(words.all(), vocabSize - SMALLEST, progress);
    List<String> symbols = new ArrayList<>();
    for (int b = 0; b < ByteAlphabet.SIZE; b++) {
      symbols.add(ByteAlphabet.character(b));
    }
    List<String> rules = new ArrayList<>();
    for (Merges.Pair each : merges) {
      rules.add(symbols.get(each.left()) + " " + symbols.get(each.right()));
      symbols.add(symbols.get(each.left()) + symbols.get(each.right()));
    }
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    vocabulary.put(END_OF_TEXT, 0);
    symbols.forEach(symbol -> vocabulary.putIfAbsent(symbol, vocabulary.size()));
    return JSON.std
            .with(JSON.Feature.WRITE_NULL_PROPERTIES, JSON.Feature.PRETTY_PRINT_OUTPUT)
            .asString(file(vocabulary, rules))
        + "\n";
  }

  private static Map<String, @Nullable Object> file(
      Map<String, Integer> vocabulary, List<String> rules) {
    Map<String, @Nullable Object> file = new LinkedHashMap<>();
    file.put("version", "1.0");
    file.put("truncation", null);
    file.put("padding", null);
    file.put("added_tokens", List.of(special()));
    file.put("normalizer", null);
    Map<String, Object> split = new LinkedHashMap<>();
    split.put("type", "Split");
    split.put("pattern", Map.of("Regex", WordCounts.PATTERN));
    split.put("behavior", "Isolated");
    split.put("invert", false);
    Map<String, Object> before = new LinkedHashMap<>();
    before.put("type", "Sequence");
    before.put("pretokenizers", List.of(split, byteLevel()));
    file.put("pre_tokenizer", before);
    file.put("post_processor", null);
    file.put("decoder", byteLevel());
    Map<String, @Nullable Object> model = new LinkedHashMap<>();
    model.put("type", "BPE");
    for (String none :
        List.of("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")) {
      model.put(none, null);
    }
    for (String off : List.of("fuse_unk", "byte_fallback", "ignore_merges")) {
      model.put(off, false);
    }
    model.put("vocab", vocabulary);
    model.put("merges", rules);
    file.put("model", model);
    return file;
  }

  private static Map<String, Object> special() {
    Map<String, Object> token = new LinkedHashMap<>();
    token.put("id", 0);
    token.put("content", END_OF_TEXT);
    for (String off : List.of("single_word", "lstrip", "rstrip", "normalized")) {
      token.put(off, false);
    }
    token.put("special", true);
    return token;
  }

  private static Map<String, Object> byteLevel() {
    Map<String, Object> step = new LinkedHashMap<>();
    step.put("type", "ByteLevel");
    step.put("add_prefix_space", false);
    step.put("trim_offsets", true);
    step.put("use_regex", false);
    return step;
  }
}
