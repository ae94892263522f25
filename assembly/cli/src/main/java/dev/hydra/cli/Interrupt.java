package dev.hydra.cli;

import java.util.concurrent.CountDownLatch;

/**
 * Turns Ctrl-C (and SIGTERM) into a request to stop, and holds the end of the process back until
 * the work has been brought to safety. Close it when the work is done.
 */
final class Interrupt implements AutoCloseable {
  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread hook = new Thread(this::waitForWork, "hydra-interrupt");
  private volatile boolean requested;

  Interrupt() {
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Whether the work should stop. */
  boolean requested() {
    return requested;
  }

  private void waitForWork() {
    requested = true;
    try {
      done.await();
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
