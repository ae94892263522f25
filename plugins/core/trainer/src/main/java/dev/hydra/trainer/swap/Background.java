package dev.hydra.trainer.swap;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Runs work beside a training, in order, so that it need not wait for them. */
final class Background implements Executor, AutoCloseable {
  private static final long IDLE_SECONDS = 1;

  private final ThreadPoolExecutor pool =
      new ThreadPoolExecutor(
          0,
          1,
          IDLE_SECONDS,
          TimeUnit.SECONDS,
          new LinkedBlockingQueue<>(),
          work -> {
            Thread thread = new Thread(work, "hydra-background");
            thread.setDaemon(true);
            return thread;
          },
          (work, closed) -> work.run()); // who comes late does it alone

  @Override
  public void execute(Runnable work) {
    pool.execute(work);
  }

  /** Waits for what is to be done. */
  @Override
  public void close() {
    pool.shutdown();
    boolean interrupted = false;
    while (!pool.isTerminated()) {
      try {
        pool.awaitTermination(1, TimeUnit.DAYS);
      } catch (InterruptedException e) {
        interrupted = true; // memory must be given back before more of it goes
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
