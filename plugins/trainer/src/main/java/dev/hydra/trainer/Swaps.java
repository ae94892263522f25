package dev.hydra.trainer;

import dev.hydra.composer.Model;
import dev.hydra.composer.SwapHost;
import dev.hydra.composer.SwapReport;
import dev.hydra.composer.SwapRequest;
import dev.hydra.composer.Swapper;
import dev.hydra.libtorch.LibTorchException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Exchanges components of a training run while it goes on, on request of any thread but its own.
 * Everything is noted in the run's journal.
 *
 * <p>For {@code trainer.swap.guard-steps} steps a swap is watched, and undone if a step fails, is
 * not finite or its loss is far above the mean of the 20 steps before. As long as that takes, a
 * copy of all parameters and moments lies in host memory (12 bytes for every trained element),
 * parameters that the swap dropped stay on the device, and the old plugin stays in memory. The next
 * swap ends the watch over the one before.
 */
public final class Swaps implements AutoCloseable {
  private final Swapper swapper;
  private final SwapGuard guard;
  private final RunLog log;
  private final TrainingListener listener;

  Swaps(
      Model model,
      TrainingStep training,
      GuardSettings settings,
      RunLog log,
      TrainingListener listener) {
    this.guard = new SwapGuard(settings);
    this.log = log;
    this.listener = listener;
    boolean undoable = settings.steps() > 0;
    this.swapper =
        new Swapper(
            model,
            new SwapHost() {
              @Override
              public Part prepare(Change change) {
                return new TrainingPart(model, training, change, undoable);
              }

              @Override
              public void reported(SwapReport report) {
                say(report);
              }

              @Override
              public boolean undoable() {
                return undoable;
              }
            });
  }

  /**
   * Builds, probes, waits for the end of the step and switches.
   *
   * @return how it ended: in place, built and probed only, or refused with a reason
   * @throws IllegalStateException on the training thread
   */
  public SwapReport swap(SwapRequest request) {
    return swapper.swap(request);
  }

  /**
   * Goes back to how model and optimizer were before the last swap, as long as that is watched;
   * data go on.
   *
   * @throws IllegalStateException on the training thread
   */
  public SwapReport rollback() {
    return swapper.rollBack();
  }

  /** What stands at every site, by its path, nested ones too. */
  public Map<String, SwapReport.Version> list() {
    return swapper.list();
  }

  /** Whether a request is ready and waits for the end of the step. */
  public boolean pending() {
    return swapper.pending();
  }

  private void say(SwapReport report) {
    String event =
        switch (report.status()) {
          case PREPARED -> "swap-prepared";
          case SWITCHED -> "swap";
          case REFUSED -> "swap-refused";
          case ROLLED_BACK -> "rollback";
        };
    note(event, report);
    listener.swapped(report);
  }

  private void note(String event, SwapReport report) {
    List<Map<String, String>> sites =
        report.sites().stream()
            .map(
                site ->
                    Map.of(
                        "site",
                        site.path(),
                        "from",
                        site.from().toString(),
                        "to",
                        site.to().toString()))
            .toList();
    SwapReport.Parameters parameters = report.parameters();
    log.event(
        event,
        report.step(),
        "request",
        report.request(),
        "sites",
        sites,
        "reason",
        report.reason(),
        "carried",
        parameters.carried().size(),
        "migrated",
        parameters.migrated(),
        "initialised",
        parameters.initialised(),
        "dropped",
        parameters.dropped(),
        "kept",
        parameters.kept(),
        "pause_ms",
        report.pauseNanos() / 1e6,
        "total_ms",
        report.totalNanos() / 1e6);
  }

  /** Between two steps. */
  void boundary(long step) {
    if (!guard.watching()) {
      swapper.confirm();
    }
    swapper
        .boundary(step, Optional.empty())
        .ifPresent(
            status -> {
              switch (status) {
                case SWITCHED -> guard.begin();
                case ROLLED_BACK -> guard.end();
                default -> {}
              }
            });
  }

  /** After a step: undoes a swap that has made things worse; says whether it did. */
  boolean undid(long step, TrainingStep.Measured measured) {
    Optional<String> reason = guard.judge(measured);
    reason.ifPresent(
        why -> {
          guard.end();
          swapper.undo(step, why);
        });
    return reason.isPresent();
  }

  /**
   * After a step or an evaluation that has failed: undoes the swap that is watched; says whether
   * there was one.
   */
  boolean undid(long step, Throwable failure) {
    if (!guard.watching()) {
      return false;
    }
    guard.end();
    swapper.undo(
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
  }
}
