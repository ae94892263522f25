package dev.hydra.cli;

import java.util.concurrent.CountDownLatch;

/**
 * Turns Ctrl-C (and SIGTERM) into a request to stop, and holds the end of the process back until
 * the work has been brought to safety. Close it when the work is done and all is said: then the
 * process may end at once.
 */
final class Interrupt implements AutoCloseable {
  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread hook = new Thread(this::waitForWork, "hydra-interrupt");
  private volatile boolean requested;
  private volatile boolean safe;

  Interrupt() {
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** The work has been brought to safety. */
  void safe() {
    safe = true;
  }

  /** Whether the work should stop. */
  boolean requested() {
    return requested;
  }

  private void waitForWork() {
    requested = true;
    try {
      done.await();
      if (!safe) {
        Runtime.getRuntime().halt(1); // else the signal's code would say that all is well
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    done.countDown();
    if (!requested) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        requested = true; // the end began just now
      }
    }
  }
}
