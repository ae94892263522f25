package dev.hydra.tasks;

/** What an example is for. */
public enum Split {
  /** To train on. */
  TRAINING,
  /** To choose learning rates by. */
  VALIDATION,
  /** To test with: nothing is chosen by it. */
  TEST
}
