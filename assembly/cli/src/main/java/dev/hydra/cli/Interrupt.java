package dev.hydra.cli;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Turns Ctrl-C (and SIGTERM) into a request to stop, and holds the end of the process back until
 * the work has been brought to safety. Where that takes a while, people are told, and the next
 * signal ends the process at once. Close it when the work is done and all is said: then the process
 * may end at once.
 */
final class Interrupt implements AutoCloseable {
  /** Some programs pass on a signal that came to all of a group: that is not a second one. */
  private static final long PROMPT_MILLIS = 500;

  private static final List<String> SIGNALS = List.of("INT", "TERM");

  private final Consumer<String> screen;
  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread hook = new Thread(this::waitForWork, "hydra-interrupt");
  private volatile Supplier<String> ending;
  private volatile boolean requested;
  private volatile boolean safe;

  /**
   * Begins to wait for signals.
   *
   * @param screen where people are told
   * @param ending what is still done, such as: ending after this step
   */
  Interrupt(Consumer<String> screen, String ending) {
    this.screen = screen;
    this.ending = () -> ending;
    try {
      Runtime.getRuntime().addShutdownHook(hook);
    } catch (IllegalStateException e) { // a signal came just before: nothing is to be begun
      awaitEnd();
    }
  }

  private static void awaitEnd() {
    while (true) {
      LockSupport.park();
    }
  }

  /** From now on this is still done, as it is when a signal comes. */
  void ending(Supplier<String> now) {
    ending = now;
  }

  /** The work has been brought to safety: what is said from now on is the last. */
  synchronized void safe() {
    safe = true;
  }

  /** Whether the work should stop. */
  boolean requested() {
    return requested;
  }

  private void waitForWork() {
    requested = true;
    try {
      if (!done.await(PROMPT_MILLIS, TimeUnit.MILLISECONDS)) {
        boolean released = SIGNALS.stream().allMatch(ProcessSignal::release);
        say(released ? "; a second signal ends at once" : "");
        done.await();
      }
      if (!safe) {
        Runtime.getRuntime().halt(1); // else the signal's code would say that all is well
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void say(String after) {
    if (!safe) {
      screen.accept(ending.get() + after);
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
