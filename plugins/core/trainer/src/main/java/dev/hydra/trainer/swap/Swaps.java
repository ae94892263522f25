package dev.hydra.trainer.swap;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.StructureChange;
import dev.hydra.composer.swap.SwapHost;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.data.Sampler;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.trainer.step.StepMetrics;
import dev.hydra.trainer.step.TrainingStep;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Swaps components of a training run while it goes on, on request of any thread but its own.
 * Everything is noted in the run's journal.
 *
 * <p>For {@code trainer.swap.guard-steps} steps, and {@code guard-time} at least, a swap is
 * watched, and rolled back if a step fails or is not finite, or if, in those steps, the loss is far
 * above the mean of the 20 steps before. Then everything is as it was when the swap was made:
 * parameters, the optimizer's state, random numbers, and the place in the training windows, so that
 * those of the steps that were rolled back are taken again. As long as that takes, a copy of all
 * parameters and the optimizer's state lies in host memory (with AdamW 12 bytes for every trained
 * element), parameters that the swap dropped stay on the device, and the old plugin stays in
 * memory. The next swap ends the watch over the one before.
 */
public final class Swaps implements AutoCloseable {
  private final Background background = new Background();
  private final Swapper swapper;
  private final SwapGuard guard;
  private final Model model;
  private final TrainingStep training;
  private volatile Sampler windows;

  /**
   * Creates the swaps of a training.
   *
   * @param windows what its steps are given, put back with the parameters
   * @param reported hears of everything, on the training thread or on that of requests
   */
  public Swaps(
      Model model,
      TrainingStep training,
      Sampler windows,
      GuardSettings settings,
      Consumer<SwapReport> reported) {
    this.guard = new SwapGuard(settings);
    this.model = model;
    this.training = training;
    this.windows = windows;
    boolean canRollBack = settings.steps() > 0;
    this.swapper =
        new Swapper(
            model,
            new SwapHost() {
              @Override
              public Participant prepare(Change change) {
                Snapshot snapshot =
                    canRollBack
                        ? new Snapshot(model.parameters(), training.stateBytes(), background)
                        : null;
                return participant(change, snapshot);
              }

              @Override
              public void reported(SwapReport report) {
                reported.accept(report);
              }

              @Override
              public boolean canRollBack() {
                return canRollBack;
              }

              @Override
              public Optional<SwapReport.Guard> guard() {
                return canRollBack
                    ? Optional.of(new SwapReport.Guard(settings.steps(), settings.time()))
                    : Optional.empty();
              }
            });
  }

  private TrainingParticipant participant(SwapHost.Change change, @Nullable Snapshot snapshot) {
    return new TrainingParticipant(model, training, () -> windows, change, snapshot);
  }

  /**
   * Goes on with other training windows. The last swap cannot be rolled back any more: the windows
   * of its steps are gone.
   */
  public void windows(Sampler next) {
    guard.end();
    swapper.confirm("the training windows are others now");
    windows = next;
  }

  /**
   * Changes the structure of the model, between two steps; gradients and optimizer state follow.
   * The last swap cannot be rolled back any more.
   *
   * @param change what is to change; not closed by the caller
   */
  public void restructure(StructureChange change) {
    guard.end();
    TrainingParticipant participant;
    try {
      participant = participant(change, null);
    } catch (RuntimeException | Error e) { // the memory may not be enough
      change.close();
      throw e;
    }
    swapper.restructure(change, participant);
  }

  /** Returns the swapper of the components. */
  public Swapper swapper() {
    return swapper;
  }

  /** Runs what waits for the boundary, between two steps. */
  public void boundary(long step) {
    if (!guard.watching()) {
      swapper.confirm("its guard is over");
    }
    swapper
        .boundary(step)
        .ifPresent(
            status -> {
              switch (status) {
                case SWITCHED -> guard.begin();
                case ROLLED_BACK -> guard.end();
                default -> {}
              }
            });
  }

  /** Says whether nothing waits for a boundary, no swap is watched, and nothing is to be freed. */
  public boolean settled() {
    return !guard.watching() && swapper.settled();
  }

  /** Hears how far the training is, where it is settled and does not stop at a boundary. */
  public void between(long step) {
    swapper.between(step);
  }

  /** Rolls back, after a step, a swap that has made things worse; says whether it did. */
  public boolean rolledBack(long step, StepMetrics measured) {
    Optional<String> reason = guard.judge(measured);
    reason.ifPresent(
        why -> {
          guard.end();
          swapper.rollbackNow(step, why);
        });
    return reason.isPresent();
  }

  /**
   * Rolls back, after a step or an evaluation that has failed, the swap that is watched; says
   * whether there was one.
   */
  public boolean rolledBack(long step, Throwable failure) {
    if (!guard.watching()) {
      return false;
    }
    guard.end();
    swapper.rollbackNow(
        step,
        "it failed ("
            + failure.getClass().getSimpleName()
            + ": "
            + LibTorchException.readable(failure)
            + ")");
    return true;
  }

  @Override
  public void close() {
    swapper.close();
    background.close();
  }
}
