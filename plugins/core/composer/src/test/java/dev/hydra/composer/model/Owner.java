package dev.hydra.composer.model;

import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest;
import dev.hydra.composer.swap.Swapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Runs a model that does nothing but stand between two forwards. */
public final class Owner implements AutoCloseable {
  public final Model model;
  public final Swapper swapper;
  private long step;

  public Owner(Model model) {
    this(model, Long.MAX_VALUE);
  }

  public Owner(Model model, long room) {
    this(model, SwapHost.none(), room);
  }

  public Owner(Model model, SwapHost host, long room) {
    this.model = model;
    this.swapper = new Swapper(model, host, () -> room);
  }

  /** Makes requests at once, from threads of their own, and does what they want. */
  public List<SwapReport> swap(Optional<ModelState> state, SwapRequest... requests) {
    List<CompletableFuture<SwapReport>> reports = new ArrayList<>();
    for (SwapRequest request : requests) {
      CompletableFuture<SwapReport> report = new CompletableFuture<>();
      reports.add(report);
      new Thread(() -> complete(report, request)).start();
    }
    while (!reports.stream().allMatch(CompletableFuture::isDone)) {
      swapper.boundary(++step, state.orElse(null));
      Thread.onSpinWait();
    }
    return reports.stream().map(CompletableFuture::join).toList();
  }

  private void complete(CompletableFuture<SwapReport> report, SwapRequest request) {
    try {
      report.complete(swapper.swap(request));
    } catch (RuntimeException | Error e) {
      report.completeExceptionally(e);
    }
  }

  public SwapReport swap(SwapRequest request) {
    return swap(Optional.empty(), request).get(0);
  }

  @Override
  public void close() {
    swapper.close();
    model.close();
  }
}
