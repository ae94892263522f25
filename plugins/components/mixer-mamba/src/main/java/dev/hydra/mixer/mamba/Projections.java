package dev.hydra.mixer.mamba;

import dev.hydra.api.Pass;
import org.bytedeco.pytorch.Tensor;

/** The maps that make what a Mamba mixer feeds to its state space, in one forward pass. */
interface Projections {
  /** From hidden states [batch, time, width] to x and z [batch, time, 2 inner]. */
  Tensor input(Tensor hidden);

  /** From x after the convolution [batch, time, inner] to [batch, time, dtRank + 2 state]. */
  Tensor selection(Tensor x);

  /** From dt [batch, time, dtRank] to step sizes before bias and softplus [batch, time, inner]. */
  Tensor steps(Tensor dt);

  /** Where a mixer gets them from. */
  @FunctionalInterface
  interface Source {
    /** The projections of a forward pass over hidden states [batch, time, width]. */
    Projections of(Tensor hidden, Pass pass);
  }
}
