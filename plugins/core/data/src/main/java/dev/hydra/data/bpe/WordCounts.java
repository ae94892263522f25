package dev.hydra.data.bpe;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Counts the words of a text as the tokenizer will cut it. Any number of threads may add pieces of
 * text, which end where lines end.
 */
public final class WordCounts {
  /**
   * Letters with the mark or space before them, numbers in threes, marks, white space: the cuts of
   * Llama 3, which suit prose and code.
   */
  static final String PATTERN =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final Pattern WORD = Pattern.compile(PATTERN, Pattern.UNICODE_CHARACTER_CLASS);

  /** Longer ones teach nothing, and would cost time by the square of their length. */
  private static final int LONGEST = 256;

  private final Map<String, LongAdder> counts = new ConcurrentHashMap<>();

  /** Creates counts of nothing. */
  public WordCounts() {}

  /** Adds a piece of text. */
  public void add(String text) {
    Map<String, long[]> own = new HashMap<>();
    Matcher word = WORD.matcher(text);
    while (word.find()) {
      if (word.end() - word.start() <= LONGEST) {
        own.computeIfAbsent(word.group(), key -> new long[1])[0]++;
      }
    }
    own.forEach((key, n) -> counts.computeIfAbsent(key, none -> new LongAdder()).add(n[0]));
  }

  /** Returns how often each word was seen. */
  Map<String, Long> all() {
    Map<String, Long> all = new HashMap<>();
    counts.forEach((word, n) -> all.put(word, n.sum()));
    return all;
  }
}
