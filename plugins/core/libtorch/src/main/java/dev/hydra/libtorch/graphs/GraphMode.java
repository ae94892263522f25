package dev.hydra.libtorch.graphs;

/** Chooses whether steps of training and of decoding are captured as CUDA graphs. */
public enum GraphMode {
  /** On CUDA, where everything in the step can be captured. */
  AUTO,
  /** Never: the host issues every operator. */
  OFF
}
