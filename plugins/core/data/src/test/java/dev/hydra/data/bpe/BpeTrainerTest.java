package dev.hydra.data.bpe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class BpeTrainerTest {
  private static WordCounts words(String text) {
    WordCounts words = new WordCounts();
    words.add(text);
    return words;
  }

  /** The example of the paper: e and s first, then es and t, then l and o. */
  @Test
  void mergesWhatComesMostOften() {
    Map<String, Long> words = Map.of("low", 5L, "lower", 2L, "newest", 6L, "widest", 3L);
    List<Merges.Pair> merges = Merges.find(words, 4, n -> {});
    assertEquals(
        List.of(
            new Merges.Pair('e', 's'),
            new Merges.Pair(256, 't'),
            new Merges.Pair('l', 'o'),
            new Merges.Pair(258, 'w')),
        merges);
  }

  /** As a plain loop that counts all pairs anew before each merge. */
  @Test
  void agreesWithCountingAllAnew() {
    Random random = new Random(3);
    Map<String, Long> words = new HashMap<>();
    for (int i = 0; i < 300; i++) {
      StringBuilder word = new StringBuilder();
      random.ints(1 + random.nextInt(9), 'a', 'e').forEach(c -> word.append((char) c));
      words.merge(word.toString(), 1L + random.nextInt(20), Long::sum);
    }
    assertEquals(plain(words, 120), Merges.find(words, 120, n -> {}));
  }

  private static List<Merges.Pair> plain(Map<String, Long> words, int most) {
    Map<List<Integer>, Long> split = new HashMap<>();
    words.forEach(
        (word, n) ->
            split.merge(Arrays.stream(ByteAlphabet.bytes(word)).boxed().toList(), n, Long::sum));
    List<Merges.Pair> merges = new ArrayList<>();
    while (merges.size() < most) {
      Map<Merges.Pair, Long> pairs = new TreeMap<>();
      split.forEach(
          (word, n) -> {
            for (int i = 0; i + 1 < word.size(); i++) {
              pairs.merge(new Merges.Pair(word.get(i), word.get(i + 1)), n, Long::sum);
            }
          });
      Merges.Pair best = null;
      for (Map.Entry<Merges.Pair, Long> each : pairs.entrySet()) {
        if (best == null || each.getValue() > pairs.get(best)) {
          best = each.getKey();
        }
      }
      if (best == null || pairs.get(best) < 2) {
        return merges;
      }
      int merged = 256 + merges.size();
      merges.add(best);
      Map<List<Integer>, Long> next = new HashMap<>();
      for (Map.Entry<List<Integer>, Long> each : split.entrySet()) {
        List<Integer> word = each.getKey();
        List<Integer> joined = new ArrayList<>();
        for (int i = 0; i < word.size(); i++) {
          boolean here =
              i + 1 < word.size() && word.get(i) == best.left() && word.get(i + 1) == best.right();
          joined.add(here ? Integer.valueOf(merged) : word.get(i));
          i += here ? 1 : 0;
        }
        next.merge(joined, each.getValue(), Long::sum);
      }
      split.clear();
      split.putAll(next);
    }
    return merges;
  }

  @Test
  void aFileHasTheVocabularyThatWasAskedFor() throws IOException {
    String text = "the cat and the hat and the bat sat on the mat; ".repeat(20);
    Map<String, Object> file = JSON.std.mapFrom(BpeTrainer.train(words(text), 270, n -> {}));
    Map<?, ?> model = (Map<?, ?>) file.get("model");
    assertEquals(270, ((Map<?, ?>) model.get("vocab")).size());
    assertEquals(270 - 257, ((List<?>) model.get("merges")).size());
    assertEquals(0, ((Map<?, ?>) model.get("vocab")).get("<|endoftext|>"));
  }

  @Test
  void aVocabularyWithoutAllBytesIsRefused() {
    assertThat(
            assertThrows(
                IllegalArgumentException.class, () -> BpeTrainer.train(words("a"), 256, n -> {})))
        .hasMessageContaining("at least 257");
  }

  @Test
  void aSmallTextGivesAsManyAsItHas() throws IOException {
    Map<String, Object> file = JSON.std.mapFrom(BpeTrainer.train(words("abcd"), 5000, n -> {}));
    assertEquals(257, ((Map<?, ?>) ((Map<?, ?>) file.get("model")).get("vocab")).size());
  }
}
