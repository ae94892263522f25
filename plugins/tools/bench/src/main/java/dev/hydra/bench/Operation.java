package dev.hydra.bench;

/** An operator that layers share and that is timed by itself, of a group's batch and width. */
enum Operation {
  /** A causal convolution over 4 tokens with SiLU, of as many channels as the width. */
  CAUSAL_CONV,
  /** An RMS norm of what is gated before it. */
  GATED_RMS_NORM,
  /** The head and the loss, over 50,304 classes. */
  CROSS_ENTROPY,
  /**
   * An update of as many matrices [tokens, width] as the batch has rows; a forward is an update.
   */
  ADAMW
}
