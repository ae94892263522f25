package dev.hydra.inference;

import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Rewinding;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Keeps the decoding states that texts were left in, for later texts that begin with the same
 * tokens. One that can be taken back serves as far as the texts are the same, see {@link
 * Rewinding}; any other must be of a prefix as a whole. The one that was not used for the longest
 * time goes first.
 */
final class PrefixCache implements AutoCloseable {
  private final long budget;
  private final Rewinding rewinding;
  private final Deque<Entry> entries = new ArrayDeque<>();
  private long bytes;

  /**
   * A state that is kept.
   *
   * @param tokens those that it has seen
   * @param rewinds whether it can be taken back
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by its elements where it is compared
  private record Entry(int[] tokens, ModelState state, boolean rewinds, long bytes) {
    /** How many tokens of a text it spares reading. */
    int serves(int[] text) {
      int mismatch = Arrays.mismatch(tokens, text);
      int common = mismatch < 0 ? text.length : mismatch;
      return rewinds || common == tokens.length ? common : 0;
    }

    /** Whether it can do whatever one of such tokens can. */
    boolean covers(int[] text) {
      return serves(text) == text.length;
    }
  }

  /** Creates a cache that holds states of so many bytes; 0 for none. */
  PrefixCache(long budget, Rewinding rewinding) {
    this.budget = budget;
    this.rewinding = rewinding;
  }

  /** Says whether anything would be kept. */
  boolean enabled() {
    return budget > 0;
  }

  /** Returns a copy of the state after the longest prefix of a text that is known. */
  Optional<ModelState> longest(int[] text) {
    Optional<Entry> best =
        entries.stream()
            .filter(entry -> entry.serves(text) > 0)
            .max(Comparator.comparingInt(entry -> entry.serves(text)));
    best.ifPresent(
        entry -> {
          entries.remove(entry);
          entries.addLast(entry);
        });
    return best.map(
        entry -> {
          int tokens = entry.serves(text);
          return tokens == entry.tokens.length
              ? entry.state.fork()
              : rewinding.fork(entry.state, tokens);
        });
  }

  /**
   * Keeps a state.
   *
   * @param tokens those that it has seen
   * @param state owned from now on
   */
  void put(int[] tokens, ModelState state) {
    long size = state.bytes();
    if (size > budget || entries.stream().anyMatch(entry -> entry.covers(tokens))) {
      state.close();
      return;
    }
    Entry added = new Entry(tokens, state, rewinding.isPossible(state), size);
    forget(entry -> added.covers(entry.tokens));
    entries.addLast(added);
    bytes += size;
    while (bytes > budget) {
      Entry oldest = entries.getFirst();
      forget(oldest::equals);
    }
  }

  private void forget(Predicate<Entry> which) {
    entries.removeIf(
        entry -> {
          boolean goes = which.test(entry);
          if (goes) {
            bytes -= entry.bytes;
            entry.state.close();
          }
          return goes;
        });
  }

  /** Returns the bytes of all states. */
  long bytes() {
    return bytes;
  }

  /** Forgets all. */
  void clear() {
    forget(entry -> true);
  }

  @Override
  public void close() {
    clear();
  }
}
