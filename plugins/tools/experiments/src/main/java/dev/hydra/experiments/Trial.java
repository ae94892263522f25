package dev.hydra.experiments;

/**
 * One training of a study.
 *
 * @param task what it is trained on
 * @param model what is trained
 * @param rate the highest learning rate
 * @param steps the most optimizer steps
 * @param seed what parameters and training examples are drawn from, from 0
 */
public record Trial(StudyTask task, StudyModel model, double rate, int steps, int seed) {
  /** Says whether it is one of a model on a task. */
  boolean of(StudyTask otherTask, StudyModel otherModel) {
    return task.equals(otherTask) && model.equals(otherModel);
  }

  /** Writes it for people. */
  @Override
  public String toString() {
    return task.name() + " " + model.name() + ", learning rate " + rate + ", seed " + seed;
  }
}
