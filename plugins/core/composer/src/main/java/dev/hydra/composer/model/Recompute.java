package dev.hydra.composer.model;

/** Which blocks a training step computes again in backward instead of keeping their activations. */
public enum Recompute {
  /** None. */
  NONE,
  /** Every second one, from the first. */
  SELECTIVE,
  /** All. */
  FULL;

  /** Says whether a block is computed again. */
  boolean covers(int block) {
    return this == FULL || (this == SELECTIVE && block % 2 == 0);
  }
}
