package dev.hydra.libtorch.graphs;

/** Chooses whether steps of training and of decoding, and forwards, are captured as CUDA graphs. */
public enum GraphMode {
  /** On CUDA, where everything in it can be captured. */
  AUTO,
  /** Never: the host issues every operator. */
  OFF
}
