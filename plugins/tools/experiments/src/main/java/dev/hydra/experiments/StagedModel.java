package dev.hydra.experiments;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.PathChange;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.swap.StructureChange;
import dev.hydra.trainer.step.TrainingStep;
import dev.hydra.trainer.swap.Restructuring;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** A model on its way through the stages of a trial to the whole one. */
final class StagedModel implements AutoCloseable {
  private final Trial trial;
  private final Model model;
  private final TrainingStep training;
  private final Restructuring changes;

  /** The specifications after the one that it begins with, and after how many steps they begin. */
  private final List<TrialStage> stages;

  private int stage;
  private Set<SitePath> growing = Set.of();

  /** Begins with the model as {@link StudyModel#first} has it. */
  StagedModel(Trial trial, Model model, TrainingStep training) {
    this.trial = trial;
    this.model = model;
    this.training = training;
    this.stages = trial.model().stages();
    this.changes = new Restructuring(model, training);
  }

  /**
   * Makes the model what it is in the step after so many.
   *
   * @return whether what was captured of it is no longer good
   */
  boolean at(int step) {
    boolean changed = false;
    while (stage < stages.size() && step >= stages.get(stage).end(trial.steps())) {
      stage++;
      enter();
      changed = true;
    }
    return (!growing.isEmpty() && !grow(step)) || changed;
  }

  private void enter() {
    grown();
    ModelSpec spec = trial.model().spec(trial.task(), stage);
    Set<SitePath> added =
        PathChange.between(model.spec(), spec).stream()
            .filter(change -> change.kind() == PathChange.Kind.ADDED)
            .map(PathChange::site)
            .collect(Collectors.toUnmodifiableSet());
    changes.run(new StructureChange(model, spec, frozen -> false));
    growing = steps() > 0 ? added : Set.of();
  }

  /** Returns in how many steps what is new in this stage grows in. */
  private int steps() {
    double part = stage < stages.size() ? stages.get(stage).growIn() : trial.model().growIn();
    return (int) Math.round(part * trial.steps());
  }

  /** Says whether what grows still does. */
  private boolean grow(int step) {
    double share = (step - stages.get(stage - 1).end(trial.steps())) / (double) steps();
    if (share < 1) {
      model.grow(growing, share);
      return true;
    }
    grown();
    return false;
  }

  private void grown() {
    if (!growing.isEmpty()) {
      growing = Set.of();
      training.changed(); // a captured step reads the share
      model.grown();
    }
  }

  @Override
  public void close() {
    changes.close();
  }
}
