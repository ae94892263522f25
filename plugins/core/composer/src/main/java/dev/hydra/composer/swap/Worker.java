package dev.hydra.composer.swap;

import dev.hydra.libtorch.runtime.LibTorchException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/** Runs code of plugins, which may fail or hang, on a thread of its own. */
final class Worker {
  /** The number of causes that are followed: they may go round in circles. */
  private static final int CAUSES = 20;

  private Worker() {}

  /**
   * Runs a task to its end or the limit. A thread that hangs is interrupted and left alone: it is a
   * daemon, and what it makes after all is closed.
   *
   * @param task is given what says whether it was given up, to be asked before it goes on
   * @throws SwapRefusedException if it fails or takes too long
   * @throws InterruptedException if the calling thread is interrupted
   */
  @SuppressWarnings("InterruptedExceptionSwallowed") // it is thrown on
  static PreparedSwap run(Function<BooleanSupplier, PreparedSwap> task, Duration limit)
      throws InterruptedException {
    CompletableFuture<PreparedSwap> result = new CompletableFuture<>();
    Thread thread = new Thread(() -> work(task, result), "hydra-swap");
    thread.setDaemon(true);
    thread.setContextClassLoader(Worker.class.getClassLoader());
    thread.start();
    try {
      PreparedSwap prepared = result.get(limit.toMillis(), TimeUnit.MILLISECONDS);
      thread.join(limit.toMillis());
      return prepared;
    } catch (ExecutionException e) {
      thread.join(limit.toMillis());
      throw new SwapRefusedException(
          String.valueOf(Objects.requireNonNullElse(e.getCause(), e).getMessage()));
    } catch (TimeoutException | InterruptedException e) {
      if (!result.completeExceptionally(e) && !result.isCompletedExceptionally()) {
        result.join().close(); // it was done in the last moment
      }
      thread.interrupt();
      if (e instanceof InterruptedException interrupted) {
        throw interrupted;
      }
      throw new SwapRefusedException(
          "building and probing was not done after "
              + limit.toMillis()
              + " ms; its thread is left behind. A longer limit allows more");
    }
  }

  private static void work(
      Function<BooleanSupplier, PreparedSwap> task, CompletableFuture<PreparedSwap> result) {
    try {
      PreparedSwap prepared = task.apply(result::isDone);
      if (!result.complete(prepared)) {
        prepared.close();
      }
    } catch (Throwable e) { // whatever a plugin throws: the run goes on without it
      result.completeExceptionally(new SwapRefusedException(describe(e)));
    }
  }

  /**
   * Describes a throwable in words, with what began it: the exception itself would keep the plugin.
   */
  static String describe(Throwable thrown) {
    Throwable begin = thrown;
    for (int depth = 0; begin.getCause() != null && depth < CAUSES; depth++) {
      begin = begin.getCause();
    }
    String text = readable(thrown);
    String reason = readable(begin);
    return text.contains(reason)
        ? text
        : text + ", because of " + begin.getClass().getName() + ": " + reason;
  }

  /** Returns the message of an exception of a plugin, which may fail at that too. */
  private static String readable(Throwable thrown) {
    try {
      return LibTorchException.readable(thrown);
    } catch (Throwable e) {
      return thrown.getClass().getName();
    }
  }
}
