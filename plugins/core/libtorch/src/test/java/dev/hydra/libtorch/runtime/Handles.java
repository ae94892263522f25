package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertTrue;

/** Checks that memory off the heap does not grow. */
public final class Handles {
  private static final int STEPS = 1000;

  private Handles() {}

  /**
   * Runs a step in a scope many times; the number of live handles must not grow. It may shrink,
   * when what other tests left to the garbage collector is collected meanwhile.
   */
  public static void assertFlat(Runnable step) {
    Scopes.run(step);
    long before = Scopes.liveHandles();
    for (int i = 0; i < STEPS; i++) {
      Scopes.run(step);
    }
    long after = Scopes.liveHandles();
    assertTrue(after <= before, () -> before + " live handles became " + after);
  }
}
