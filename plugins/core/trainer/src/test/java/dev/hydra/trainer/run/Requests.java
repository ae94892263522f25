package dev.hydra.trainer.run;

import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Requests made while a training stands between two steps. */
final class Requests {
  private Requests() {}

  /** Asks for a swap from another thread, and returns when it waits for the boundary or is over. */
  static CompletableFuture<SwapReport> swap(Trainer trainer, SwapRequest request) {
    return ask(trainer.swapper()::pending, () -> trainer.swapper().swap(request));
  }

  /** The same for any request. */
  static CompletableFuture<SwapReport> ask(BooleanSupplier pending, Supplier<SwapReport> request) {
    CompletableFuture<SwapReport> report = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                report.complete(request.get());
              } catch (RuntimeException | Error e) {
                report.completeExceptionally(e);
              }
            },
            "request");
    thread.start();
    until(() -> report.isDone() || pending.getAsBoolean());
    return report;
  }

  /** Waits. */
  static void until(BooleanSupplier condition) {
    while (!condition.getAsBoolean()) {
      try {
        Thread.sleep(1);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** How it ended. */
  static SwapReport get(CompletableFuture<SwapReport> report) {
    try {
      return report.get();
    } catch (InterruptedException | ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }
}
