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

  /** How many keys the tokens at positions {@code from .. to - 1} see, all together. */
  double pairs(long from, long to) {
    long inWindow = Math.max(from, Math.min(window, to)); // before it, tokens see all
    double pairs = (inWindow - from) * ((double) from + 1 + inWindow) / 2;
    pairs += (double) (to - inWindow) * window;
    if (globals == NONE) {
      return pairs;
    }
    long first = Math.max(0, from - window);
    long end = Math.max(0, to - window);
    long growing = Math.max(first, Math.min((long) every * globals, end)); // then all are in sight
    return pairs
        + (end - first) // position 0
        + (strided(growing) - strided(first))
        + (double) (end - growing) * globals;
  }

  /** The sum of {@code floor(n / every)} over all n below an end. */
  private double strided(long end) {
    double whole = Math.floorDiv(end, (long) every);
    return every * whole * (whole - 1) / 2 + Math.floorMod(end, (long) every) * whole;
  }

  /** Whether some token of a sequence of so many sees anything before its window. */
  boolean exceedsWindow(long time) {
    return hasGlobals() && time > window;
  }

  /** Whether tokens see all before them, so that plain causal attention will do. */
  boolean isFull(long before, long time) {
    return before == 0 && time <= window;
  }
}
