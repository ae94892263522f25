package dev.hydra.inference;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The thread that runs an engine. */
public final class EngineThread implements AutoCloseable {
  /** Those who cancel do not wake a thread that waits. */
  private static final long LOOK_AGAIN_MILLIS = 100;

  private final Engine engine;
  private final Thread thread;
  private volatile boolean closing;
  private volatile @Nullable Throwable failure;

  /** Starts the thread; it closes the engine when it ends. */
  public EngineThread(Engine engine, String name) {
    this.engine = engine;
    this.thread = new Thread(this::run, name);
    thread.setDaemon(true);
    thread.start();
  }

  /** Returns the engine, to open sessions. */
  public Engine engine() {
    return engine;
  }

  /** Returns what ended the thread, if anything but {@link #close} did. */
  public @Nullable Throwable failure() {
    return failure;
  }

  private void run() {
    try (engine) {
      while (!closing) {
        if (!engine.step()) {
          engine.await(LOOK_AGAIN_MILLIS);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) {
      failure = e;
    }
  }

  /**
   * Waits until no session is left, or for as long as given.
   *
   * @return whether none is left
   */
  public boolean drain(Duration limit) throws InterruptedException {
    long end = System.nanoTime() + limit.toNanos();
    while (engine.isBusy() && thread.isAlive() && System.nanoTime() < end) {
      Thread.sleep(LOOK_AGAIN_MILLIS / 10);
    }
    return !engine.isBusy();
  }

  /** Cancels what goes on, ends the thread and waits for it. */
  @Override
  public void close() {
    closing = true;
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
