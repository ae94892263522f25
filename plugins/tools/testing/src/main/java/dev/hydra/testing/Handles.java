package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/**
 * Checks that handles to memory off the heap do not grow in number. A count is begun after garbage
 * has been collected, so that nothing dropped earlier can vanish meanwhile and hide a leak, and
 * sampled often: a handle that is dropped, not freed, is seen in the samples before the collector
 * finds it.
 */
public final class Handles {
  private static final int STEPS = 1000;
  private static final int WARM_UP = 2;
  private static final int ATTEMPTS = 3;

  private final long before;
  private long most;
  private int samples;

  private Handles(long before) {
    this.before = before;
    this.most = before;
  }

  /** Counts live handles from here on, once what was dropped before is collected. */
  public static Handles count() {
    Handles handles = new Handles(Garbage.collect(Pointer::totalCount));
    handles.assertCounts();
    return handles;
  }

  /** Looks how many there are now. */
  public void sample() {
    most = Math.max(most, Pointer.totalCount());
    samples++;
  }

  /** Looks how many there are once garbage is collected: what is still referred to, or leaked. */
  public void sampleCollected() {
    most = Math.max(most, Garbage.collect(Pointer::totalCount));
    samples++;
  }

  /**
   * Fails if any sample saw more than there were at the start.
   *
   * @param expected how many samples must have been taken: a step that did not come is no proof
   */
  public void assertFlat(int expected) {
    assertEquals(expected, samples, "samples of the number of live handles");
    assertTrue(most <= before, () -> before + " live handles became " + most);
  }

  /** Runs a step in a scope a thousand times and fails if handles are left behind. */
  public static void assertFlat(Runnable step) {
    assertFlat(STEPS, step);
  }

  /** Runs a step in a scope many times and fails if handles are left behind. */
  public static void assertFlat(int steps, Runnable step) {
    assertFreesItself(steps, () -> inScope(step));
  }

  /**
   * Runs a step many times and fails if it leaves handles behind, those included that a scope round
   * this call would free. What only the first times leave is what LibTorch keeps for later: then
   * the steps are repeated, and what they leave again and again is a leak.
   */
  public static void assertFreesItself(int steps, Runnable step) {
    for (int i = 0; i < WARM_UP; i++) {
      step.run();
    }
    for (int attempt = 1; ; attempt++) {
      Handles handles = count();
      for (int i = 0; i < steps; i++) {
        step.run();
        handles.sample();
      }
      if (handles.most <= handles.before || attempt == ATTEMPTS) {
        handles.assertFlat(steps);
        return;
      }
    }
  }

  /** A count that does not see a live handle would prove nothing. */
  private void assertCounts() {
    try (LongPointer one = new LongPointer(1)) {
      assertTrue(Pointer.totalCount() > before, "a live handle is not counted");
    }
    assertTrue(Pointer.totalCount() <= before, "a freed handle is still counted");
  }

  private static void inScope(Runnable step) {
    try (PointerScope scope = new PointerScope()) {
      step.run();
    }
  }
}
