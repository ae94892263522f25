package dev.hydra.trainer.step;

/** Chooses whether training steps are captured as CUDA graphs. */
public enum GraphMode {
  /** On CUDA, where everything in the step can be captured. */
  AUTO,
  /** Never: the host issues every operator. */
  OFF
}
