package dev.hydra.data.bpe;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.IntConsumer;

/**
 * Finds the merges of byte-pair encoding: again and again the pair of symbols that is seen most
 * often becomes one (Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with
 * Subword Units", 2016, algorithm 1). Only the words that have the pair are looked at again.
 */
final class Merges {
  /** A pair of symbols. */
  record Pair(int left, int right) implements Comparable<Pair> {
    @Override
    public int compareTo(Pair other) {
      return left == other.left
          ? Integer.compare(right, other.right)
          : Integer.compare(left, other.left);
    }
  }

  private static final class Seen {
    long count;
    int[] words = new int[2];
    int size;

    void in(int word) {
      if (size > 0 && words[size - 1] == word) {
        return;
      }
      if (size == words.length) {
        words = Arrays.copyOf(words, 2 * size);
      }
      words[size++] = word;
    }
  }

  /** An entry of the queue; out of date when the count has changed since. */
  private record Candidate(Pair pair, long count) {}

  private final List<int[]> words = new ArrayList<>();
  private final List<Long> counts = new ArrayList<>();
  private final Map<Pair, Seen> pairs = new HashMap<>();
  private final PriorityQueue<Candidate> queue =
      new PriorityQueue<>(
          (a, b) -> a.count == b.count ? a.pair.compareTo(b.pair) : Long.compare(b.count, a.count));
  private final List<Pair> merges = new ArrayList<>();

  private Merges() {}

  /**
   * Finds merges.
   *
   * @param wordCounts how often each word is seen
   * @param most how many to find; fewer if no pair is seen twice any more
   * @param progress told after each how many there are
   */
  static List<Pair> find(Map<String, Long> wordCounts, int most, IntConsumer progress) {
    Merges all = new Merges();
    // In the order of the words, so that the same text gives the same tokenizer.
    new TreeMap<>(wordCounts).forEach(all::add);
    all.pairs.forEach((pair, seen) -> all.queue.add(new Candidate(pair, seen.count)));
    while (all.merges.size() < most && all.next()) {
      progress.accept(all.merges.size());
    }
    return all.merges;
  }

  private void add(String word, long count) {
    int[] symbols = ByteAlphabet.bytes(word);
    int index = words.size();
    words.add(symbols);
    counts.add(count);
    for (int i = 0; i + 1 < symbols.length; i++) {
      see(new Pair(symbols[i], symbols[i + 1]), count, index);
    }
  }

  private void see(Pair pair, long count, int word) {
    Seen seen = pairs.computeIfAbsent(pair, none -> new Seen());
    seen.count += count;
    seen.in(word);
  }

  private void change(Pair pair, long by) {
    Seen seen = pairs.get(pair);
    if (seen != null) { // the pair that is being merged is gone already
      seen.count += by;
    }
  }

  private boolean next() {
    for (Candidate best = queue.poll(); best != null; best = queue.poll()) {
      Seen seen = pairs.get(best.pair);
      if (seen == null) {
        continue;
      }
      if (seen.count != best.count) {
        if (seen.count > 0) {
          queue.add(new Candidate(best.pair, seen.count));
        }
        continue;
      }
      if (best.count < 2) {
        return false;
      }
      int merged = ByteAlphabet.SIZE + merges.size();
      merges.add(best.pair);
      pairs.remove(best.pair);
      merge(best.pair, merged, seen);
      return true;
    }
    return false;
  }

  private void merge(Pair pair, int merged, Seen seen) {
    Set<Pair> risen = new HashSet<>();
    for (int w = 0; w < seen.size; w++) {
      int index = seen.words[w];
      int[] before = words.get(index);
      long count = counts.get(index);
      int[] after = new int[before.length];
      int size = 0;
      boolean changed = false;
      for (int i = 0; i < before.length; i++) {
        boolean here =
            i + 1 < before.length && before[i] == pair.left && before[i + 1] == pair.right;
        after[size++] = here ? merged : before[i];
        i += here ? 1 : 0;
        changed |= here;
      }
      if (!changed) {
        continue; // an earlier merge took the symbols
      }
      int[] symbols = Arrays.copyOf(after, size);
      words.set(index, symbols);
      for (int i = 0; i + 1 < before.length; i++) {
        change(new Pair(before[i], before[i + 1]), -count);
      }
      for (int i = 0; i + 1 < size; i++) {
        Pair now = new Pair(symbols[i], symbols[i + 1]);
        if (now.left == merged || now.right == merged) {
          see(now, count, index);
          risen.add(now);
        } else {
          change(now, count);
        }
      }
    }
    for (Pair each : risen) {
      Seen found = pairs.get(each);
      if (found != null) {
        queue.add(new Candidate(each, found.count));
      }
    }
  }
}
