package dev.hydra.trainer.swap;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.StructureChange;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.data.Sampler;
import dev.hydra.trainer.step.TrainingStep;

/**
 * Changes the structure of a model that is trained outside of a run: without a journal, and without
 * a way back; see {@link Swaps#restructure}.
 */
public final class Restructuring implements AutoCloseable {
  private final Model model;
  private final TrainingStep training;
  private final Swapper swapper;

  /** Prepares changes of a model. */
  public Restructuring(Model model, TrainingStep training) {
    this.model = model;
    this.training = training;
    this.swapper = new Swapper(model, SwapHost.none());
  }

  /**
   * Changes it, between two steps; gradients and optimizer state follow.
   *
   * @param change what is to change; not closed by the caller
   */
  public void run(StructureChange change) {
    TrainingParticipant participant;
    try {
      participant = new TrainingParticipant(model, training, Restructuring::windows, change, null);
    } catch (RuntimeException | Error e) { // the memory may not be enough
      change.close();
      throw e;
    }
    swapper.restructure(change, participant);
  }

  private static Sampler windows() {
    throw new IllegalStateException("nothing is rolled back here");
  }

  @Override
  public void close() {
    swapper.close();
  }
}
