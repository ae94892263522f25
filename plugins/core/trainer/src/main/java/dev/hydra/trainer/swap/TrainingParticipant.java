package dev.hydra.trainer.swap;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.data.WindowSampler;
import dev.hydra.trainer.step.OptimizerEntries;
import dev.hydra.trainer.step.StateTransfer;
import dev.hydra.trainer.step.TrainingStep;
import java.util.Optional;

/** A training's part in one swap: gradients and the optimizer's state follow the parameters. */
final class TrainingParticipant implements SwapHost.Participant {
  private final Model model;
  private final TrainingStep training;
  private final WindowSampler windows;
  private final SwapHost.Change change;
  private final Optional<Snapshot> snapshot;

  /** For parameters that are not trained: first the joining ones, then those gone, and so on. */
  private OptimizerEntries resting;

  /** Training windows taken before. */
  private long position;

  /**
   * Allocates.
   *
   * @param windows what the steps are given
   * @param snapshot what to keep to go back to, if anything; owned
   */
  TrainingParticipant(
      Model model,
      TrainingStep training,
      WindowSampler windows,
      SwapHost.Change change,
      Optional<Snapshot> snapshot) {
    this.model = model;
    this.training = training;
    this.windows = windows;
    this.change = change;
    this.snapshot = snapshot;
    try {
      this.resting = training.entries(change.made().values());
    } catch (RuntimeException | Error e) { // the memory may not be enough
      snapshot.ifPresent(Snapshot::close);
      throw e;
    }
  }

  @Override
  public void begin() {
    position = windows.position();
    snapshot.ifPresent(this::fill);
    new StateTransfer(change, training.optimizer().states()).into(resting.states());
  }

  private void fill(Snapshot empty) {
    empty.fill(model.parameters(), training.optimizer());
    training.beforeUpdate(empty::await);
  }

  @Override
  public void switched() {
    if (change.parametersChange()) {
      resting = training.exchange(resting);
    }
  }

  @Override
  public void rolledBack() {
    switched();
    snapshot.orElseThrow().restore(model.parameters(), training.optimizer());
    windows.seek(position);
  }

  @Override
  public void close() {
    snapshot.ifPresent(Snapshot::close);
    resting.close();
  }
}
