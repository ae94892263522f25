package dev.hydra.experiments;

/**
 * Trainings that were done, and not found in a cache.
 *
 * @param trainings how many
 * @param tokens what they were trained on, padding included
 */
public record Work(int trainings, long tokens) {
  /** None. */
  public static final Work NONE = new Work(0, 0);

  /** Returns this with other work. */
  public Work plus(Work other) {
    return new Work(trainings + other.trainings, tokens + other.tokens);
  }
}
