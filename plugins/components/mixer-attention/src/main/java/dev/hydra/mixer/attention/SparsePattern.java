package dev.hydra.mixer.attention;

import dev.hydra.api.Option;
import dev.hydra.api.Site;
import java.util.List;

/**
 * Which earlier positions a token sees, itself included. The token at position {@code t} of its
 * document sees
 *
 * <ul>
 *   <li>the window {@code t - window + 1 .. t};
 *   <li>of the strided positions {@code j = m every} before the window the {@code globals} newest;
 *   <li>position 0, on which softmax rests when nothing else fits (StreamingLLM, arXiv 2309.17453).
 * </ul>
 *
 * <p>These sets do not overlap except that position 0 may be among the newest strided ones; it
 * counts once. At most {@code window + globals + 1} keys a token: Longformer (arXiv 2004.05150) and
 * BigBird (2007.14062) have the same two parts, but without the bound strided positions over all
 * history would make the cost quadratic again, only {@code every} times smaller.
 *
 * @param window positions of the local window, the token itself included
 * @param every distance of the strided positions
 * @param globals how many strided positions before the window stay in sight; {@link #NONE} if not
 *     even position 0 does
 */
record SparsePattern(int window, int every, int globals) {
  /** In place of a number of globals: the window is all that a token sees. */
  private static final int NONE = -1;

  static final Option<Integer> WINDOW =
      Option.integer("window", "tokens of the local window, the token itself included")
          .atLeast(1)
          .orElse(256);
  static final Option<Integer> GLOBAL_EVERY =
      Option.integer("global-every", "distance of the global positions").atLeast(1).orElse(64);
  static final Option<Integer> GLOBALS =
      Option.integer(
              "globals", "global positions before the window in sight, besides the first token")
          .atLeast(0)
          .orElse(64);

  static final List<Option<?>> OPTIONS = List.of(WINDOW, GLOBAL_EVERY, GLOBALS);

  static SparsePattern of(Site site) {
    return new SparsePattern(site.get(WINDOW), site.get(GLOBAL_EVERY), site.get(GLOBALS));
  }

  /** Whether there are globals besides the window: position 0 at least. */
  boolean hasGlobals() {
    return globals != NONE;
  }

  /** All that is before. */
  static SparsePattern full() {
    return local(Integer.MAX_VALUE);
  }

  /** The window and nothing else. */
  static SparsePattern local(int window) {
    return new SparsePattern(window, 1, NONE);
  }

  /**
   * The number {@code m} of the newest strided position before the window of the token at a
   * position; negative if the window reaches the start, or if there are none.
   */
  long newest(long position) {
    return hasGlobals() ? Math.floorDiv(position - window, (long) every) : -1;
  }

  /** How many globals the token at a position sees, position 0 included. */
  long globals(long position) {
    long newest = newest(position);
    return newest < 0 ? 0 : 1 + Math.min(newest, globals);
  }

  /** How many keys the token at a position sees. */
  long keys(long position) {
    return Math.min(position + 1, window) + globals(position);
  }

  /** Whether tokens see all before them, so that plain causal attention will do. */
  boolean isFull(long before, long time) {
    return before == 0 && time <= window;
  }
}
