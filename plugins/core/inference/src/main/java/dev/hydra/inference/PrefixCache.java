package dev.hydra.inference;

import dev.hydra.composer.model.ModelState;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.Optional;

/**
 * Keeps the decoding states that texts were left in, for later texts that begin with the same
 * tokens. A state cannot be cut shorter, as that of a state space holds no earlier one: what was
 * kept must be a prefix as a whole. The one that was not used for the longest time goes first.
 */
final class PrefixCache implements AutoCloseable {
  private final long budget;
  private final Deque<Entry> entries = new ArrayDeque<>();
  private long bytes;

  @SuppressWarnings("ArrayRecordComponent") // compared by its elements where it is compared
  private record Entry(int[] tokens, ModelState state, long bytes) {
    boolean begins(int[] text) {
      return tokens.length <= text.length
          && Arrays.equals(tokens, 0, tokens.length, text, 0, tokens.length);
    }
  }

  /** Creates a cache that holds states of so many bytes; 0 for none. */
  PrefixCache(long budget) {
    this.budget = budget;
  }

  /** Says whether anything would be kept. */
  boolean enabled() {
    return budget > 0;
  }

  /** Returns a copy of the state of the longest prefix of a text that is kept. */
  Optional<ModelState> longest(int[] text) {
    Optional<Entry> best =
        entries.stream()
            .filter(entry -> entry.begins(text))
            .max((one, other) -> Integer.compare(one.tokens.length, other.tokens.length));
    best.ifPresent(
        entry -> {
          entries.remove(entry);
          entries.addLast(entry);
        });
    return best.map(entry -> entry.state.fork());
  }

  /**
   * Keeps a state.
   *
   * @param tokens those that it has seen
   * @param state owned from now on
   */
  void put(int[] tokens, ModelState state) {
    long size = state.bytes();
    boolean known = entries.stream().anyMatch(entry -> Arrays.equals(entry.tokens, tokens));
    if (known || size > budget) {
      state.close();
      return;
    }
    entries.addLast(new Entry(tokens, state, size));
    bytes += size;
    for (Iterator<Entry> oldest = entries.iterator(); bytes > budget; ) {
      Entry entry = oldest.next();
      oldest.remove();
      bytes -= entry.bytes;
      entry.state.close();
    }
  }

  /** Returns the bytes of all states. */
  long bytes() {
    return bytes;
  }

  /** Forgets all. */
  void clear() {
    entries.forEach(entry -> entry.state.close());
    entries.clear();
    bytes = 0;
  }

  @Override
  public void close() {
    clear();
  }
}
