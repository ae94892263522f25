package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import org.bytedeco.javacpp.Pointer;

/** Collects garbage for sure: {@code System.gc()} alone promises nothing. */
public final class Garbage {
  private static final int ROUNDS = 200;
  private static final int CALM = 3;

  private Garbage() {}

  /**
   * Returns when a handle that was dropped before has been collected and freed, and {@code count}
   * has then stayed the same for some rounds more.
   *
   * @return the count
   * @throws AssertionError if that does not happen within some seconds
   */
  public static long collect(LongSupplier count) {
    AtomicBoolean canary = new AtomicBoolean();
    dropHandle(canary);
    long last = count.getAsLong();
    int calm = 0;
    for (int round = 0; round < ROUNDS; round++) {
      System.gc();
      pause(); // a thread of its own frees what was collected
      long now = count.getAsLong();
      calm = canary.get() && now == last ? calm + 1 : 0;
      last = now;
      if (calm == CALM) {
        return now;
      }
    }
    return fail(
        canary.get()
            ? "the count does not settle, at last it was " + last
            : "a dropped handle was not collected in " + ROUNDS + " rounds");
  }

  /** On a thread of its own, because scopes of this one would keep the handle. */
  private static void dropHandle(AtomicBoolean freed) {
    Thread thread = new Thread(() -> new Canary(freed));
    thread.start();
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void pause() {
    try {
      Thread.sleep(5);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static final class Canary extends Pointer {
    Canary(AtomicBoolean freed) {
      deallocator(() -> freed.set(true));
    }
  }
}
