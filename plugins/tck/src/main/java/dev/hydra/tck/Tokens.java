package dev.hydra.tck;

import dev.hydra.composer.Forward;
import dev.hydra.composer.StandaloneComponent;
import dev.hydra.libtorch.Grad;
import dev.hydra.libtorch.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The tokens that hidden states came from. They are a function of the hidden states, token by
 * token: so they are split, packed and changed together with these in every check.
 */
final class Tokens {
  /** So fine that different hidden states have different tokens, most of the time. */
  private static final double STEPS = 1000;

  private Tokens() {}

  /** int64 [batch, time] of hidden states [batch, time, width]. */
  static Tensor of(Tensor x) {
    try (Grad off = Grad.off()) {
      Tensor first = x.select(2, 0).abs().to(ScalarType.Double);
      return Tensors.mul(first, STEPS).to(ScalarType.Long);
    }
  }

  /** Runs a component on hidden states and their tokens. */
  static Tensor forward(StandaloneComponent component, Tensor x, Forward forward) {
    forward.about(of(x));
    return component.forward(x, forward);
  }
}
