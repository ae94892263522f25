package dev.hydra.experiments;

/** Hears how far a study is. */
public interface StudyListener {
  /**
   * Hears that a training begins.
   *
   * @param number how many have begun, from 1
   * @param of how many there are in all
   */
  void began(Trial trial, int number, int of);

  /**
   * Hears what came out of a training.
   *
   * @param cached whether it was known before
   */
  void ended(Trial trial, TrialResult result, boolean cached);

  /** Hears what makes a training slower than it could be. */
  void warned(String message);
}
