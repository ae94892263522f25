package dev.hydra.trainer.run;

import dev.hydra.data.Batch;
import dev.hydra.trainer.metrics.TrainingClock;
import dev.hydra.trainer.step.StepMetrics;
import dev.hydra.trainer.step.TrainingStep;
import dev.hydra.trainer.swap.Swaps;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/**
 * Takes the steps of a run, and does between them what is due. Where nothing is, the next step is
 * launched before the metrics of the last one are there, so that a device has no pause.
 */
final class StepLoop {
  /** What is done between steps by whoever has the run. */
  interface Pauses {
    /** Begins the next stage. */
    void nextStage();

    /** Writes a checkpoint. */
    void save();

    /** Ends the run, as the step after so many is not finite; always throws. */
    void notFinite(StepMetrics measured) throws IOException;
  }

  private final StageRun stages;
  private final TrainingStep training;
  private final Swaps swaps;
  private final TrainingClock clock;
  private final StepReports reports;
  private final Evaluations evaluations;
  private final AtomicLong taken;
  private final Pauses pauses;
  private volatile boolean checkpointRequested;

  /**
   * Prepares the steps of a run.
   *
   * @param taken how many were taken, which it counts
   */
  StepLoop(
      StageRun stages,
      TrainingStep training,
      Swaps swaps,
      TrainingClock clock,
      StepReports reports,
      Evaluations evaluations,
      AtomicLong taken,
      Pauses pauses) {
    this.stages = stages;
    this.training = training;
    this.swaps = swaps;
    this.clock = clock;
    this.reports = reports;
    this.evaluations = evaluations;
    this.taken = taken;
    this.pauses = pauses;
  }

  /** Asks for a checkpoint of the last step, after the forward that is computed; of any thread. */
  void requestCheckpoint() {
    checkpointRequested = true;
  }

  private long step() {
    return taken.get();
  }

  private TrainerSettings settings() {
    return stages.current().trainer();
  }

  /**
   * Takes steps to the last one, or until asked to stop.
   *
   * @param asked asked after every forward, until it says so: a step that is not whole then is
   *     given up, and one that was launched is the last
   * @return whether it was asked to stop
   * @throws IOException if a checkpoint after which there is no other cannot be written
   */
  boolean run(BooleanSupplier asked) throws IOException {
    boolean[] stopping = {false};
    BooleanSupplier stop = () -> stopping[0] = stopping[0] || asked.getAsBoolean();
    steps(stop);
    return stopping[0];
  }

  private void steps(BooleanSupplier stop) throws IOException {
    Optional<LaunchedStep> next = Optional.empty();
    while (next.isPresent() || (step() < settings().steps() && !stop.getAsBoolean())) {
      Optional<LaunchedStep> now = next;
      next = Optional.empty();
      if (now.isEmpty()) {
        swaps.boundary(step());
        while (stages.over(step())) {
          pauses.nextStage();
        }
        stages.grow(step());
        try {
          now = launch(step(), stop);
        } catch (RuntimeException | Error e) { // a component of a swap may fail in the run only
          if (swaps.rolledBack(step(), e)) {
            continue;
          }
          throw e;
        }
        if (now.isEmpty()) {
          return;
        }
      }
      try (LaunchedStep launched = now.get()) {
        next = ahead(stop) ? launchAhead(launched, stop) : Optional.empty();
        settle(launched, next, stop);
      } catch (IOException | RuntimeException | Error e) {
        next.ifPresent(LaunchedStep::close); // nobody waits for it any more
        throw e;
      }
    }
  }

  /** Says whether the next step may begin before the metrics of this one are there. */
  private boolean ahead(BooleanSupplier stop) {
    long after = step() + 1;
    return training.ahead()
        && settings().accumulate() == 1
        && after < settings().steps()
        && !stop.getAsBoolean()
        && !checkpointRequested
        && !due(after, settings().checkpointEvery())
        && !due(after, settings().evaluateEvery())
        && !settings().metrics().observes(after, false)
        && swaps.settled()
        && stages.steady(after);
  }

  private Optional<LaunchedStep> launchAhead(LaunchedStep launched, BooleanSupplier stop)
      throws IOException {
    try {
      swaps.between(step());
      return launch(step() + 1, stop);
    } catch (RuntimeException | Error e) {
      settle(launched, Optional.empty(), stop); // this one is whole
      throw e;
    }
  }

  private Optional<LaunchedStep> launch(long number, BooleanSupplier stop) {
    double learningRate = stages.rate(number);
    return LaunchedStep.of(
        stages.dataset().train(),
        learningRate,
        start ->
            training.launch(
                i -> (number > step() ? batch() : clock.waitFor(this::batch)).tensor(),
                settings().accumulate(),
                learningRate,
                () -> betweenForwards(start, stop)));
  }

  /**
   * Waits for a step, and does what is to be done after it.
   *
   * @param next the one that was launched after it, if it was
   */
  private void settle(LaunchedStep launched, Optional<LaunchedStep> next, BooleanSupplier stop)
      throws IOException {
    StepMetrics measured;
    try {
      measured = launched.await();
    } catch (RuntimeException | Error e) {
      if (swaps.rolledBack(step(), e)) {
        return;
      }
      throw e;
    }
    if (swaps.rolledBack(step(), measured)) {
      return; // the step is rolled back too, and taken again with the same windows
    }
    if (!measured.finite()) {
      next.ifPresent(LaunchedStep::undo);
      pauses.notFinite(measured);
    }
    long step = taken.incrementAndGet();
    clock.stepped(stages.current().tokensPerStep());
    boolean last = step == settings().steps();
    if (last || due(step, settings().logEvery())) {
      reports.report(step, stages.current(), measured, launched.learningRate());
    }
    if (next.isPresent()) {
      return;
    }
    if (!last && (checkpointRequested || due(step, settings().checkpointEvery()))) {
      checkpointRequested = false;
      pauses.save();
    }
    if (!last && due(step, settings().evaluateEvery())) {
      watched(() -> evaluations.score(step, settings().evaluationWindows(), stop));
    }
    if (settings().metrics().observes(step, last)) {
      watched(() -> evaluations.observe(step));
    }
  }

  /** Writes a checkpoint of the step before if asked to, and says whether this one is given up. */
  private boolean betweenForwards(StepStart start, BooleanSupplier stop) {
    if (checkpointRequested && step() > 0) {
      checkpointRequested = false;
      start.before(pauses::save);
    }
    return stop.getAsBoolean();
  }

  private Batch batch() {
    return stages.dataset().train().next(settings().batchSize());
  }

  /** Computes something in the middle of a run, where a swap may be watched. */
  private void watched(Runnable action) {
    try {
      action.run();
    } catch (RuntimeException | Error e) { // as in a step
      if (!swaps.rolledBack(step(), e)) {
        throw e;
      }
    }
  }

  private static boolean due(long step, int every) {
    return every > 0 && step % every == 0;
  }
}
