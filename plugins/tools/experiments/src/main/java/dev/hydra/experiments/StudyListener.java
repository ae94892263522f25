package dev.hydra.experiments;

/** Hears how far a study is. */
public interface StudyListener {
  /** Hears which training begins. */
  default void began(Trial trial) {}

  /**
   * Hears what came out of a training.
   *
   * @param cached whether it was known before, or another process made it
   * @param number how many results there are now, those of other processes included
   * @param of how many there are in all
   */
  void ended(Trial trial, TrialResult result, boolean cached, int number, int of);

  /** Hears what makes a training slower than it could be. */
  void warned(String message);
}
