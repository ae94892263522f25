package dev.hydra.trainer.swap;

import static java.util.Objects.requireNonNull;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.data.Sampler;
import dev.hydra.trainer.step.OptimizerEntries;
import dev.hydra.trainer.step.StateTransfer;
import dev.hydra.trainer.step.TrainingStep;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A training's part in one swap: gradients and optimizer state follow the parameters. */
final class TrainingParticipant implements SwapHost.Participant {
  private final Model model;
  private final TrainingStep training;
  private final Supplier<Sampler> windows;
  private final SwapHost.Change change;
  private final @Nullable Snapshot snapshot;

  /** For parameters that are not trained: first the joining ones, then those gone, and so on. */
  private OptimizerEntries resting;

  /** Training windows taken before. */
  private long position;

  /**
   * Allocates the entries of new parameters.
   *
   * @param windows what the steps are given
   * @param snapshot what to keep to go back to, if anything; owned
   */
  TrainingParticipant(
      Model model,
      TrainingStep training,
      Supplier<Sampler> windows,
      SwapHost.Change change,
      @Nullable Snapshot snapshot) {
    this.model = model;
    this.training = training;
    this.windows = windows;
    this.change = change;
    this.snapshot = snapshot;
    try {
      this.resting = training.entries(change.made().values());
    } catch (RuntimeException | Error e) { // the memory may not be enough
      if (snapshot != null) {
        snapshot.close();
      }
      throw e;
    }
  }

  @Override
  public void begin() {
    if (snapshot != null) {
      position = windows.get().position();
      snapshot.fill(model.parameters(), training.optimizer());
      training.beforeUpdate(snapshot::await);
    }
    new StateTransfer(change, training.optimizer().states()).into(resting.states());
  }

  @Override
  public void switched() {
    training.changed();
    if (change.parametersChange()) {
      resting = training.exchange(resting);
    }
  }

  @Override
  public void rolledBack() {
    switched();
    requireNonNull(snapshot).restore(model.parameters(), training.optimizer());
    windows.get().seek(position);
  }

  @Override
  public void close() {
    if (snapshot != null) {
      snapshot.close();
    }
    resting.close();
  }
}
