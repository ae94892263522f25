package dev.hydra.mixer.mamba;

import dev.hydra.api.StateSpec;

/**
 * The dimensions of a Mamba-2 mixer.
 *
 * @param heads heads that x is cut into
 * @param headDim channels of each
 * @param groups sets of B and C, each shared by heads / groups heads
 * @param state elements of the state per channel
 */
record Mamba2Shape(int heads, int headDim, int groups, int state) {
  /** Channels of x, z and y. */
  long inner() {
    return (long) heads * headDim;
  }

  /** Channels of B, and of C. */
  long projections() {
    return (long) groups * state;
  }

  /** Channels of x, B and C, which are convolved together. */
  long convChannels() {
    return inner() + 2 * projections();
  }

  /** The state of one row. */
  StateSpec kept() {
    return StateSpec.of(Mamba2.STATE, heads, headDim, state).in(StateSpec.Dtype.RECURRENT);
  }

  /** What the input projection yields: z, then x, B and C, then dt. */
  long projected() {
    return inner() + convChannels() + heads;
  }
}
