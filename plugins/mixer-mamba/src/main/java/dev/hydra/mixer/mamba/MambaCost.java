package dev.hydra.mixer.mamba;

import dev.hydra.api.Cost;
import dev.hydra.api.Workload;

/** Counts what a Mamba mixer computes and keeps. */
final class MambaCost {
  private MambaCost() {}

  static Cost of(MambaShape shape, int width, int kernel, int chunk, Workload work) {
    double tokens = work.tokens();
    double inner = shape.inner();
    double state = inner * shape.state();
    Cost projections =
        Cost.linear(tokens, width, 2 * inner)
            .plus(Cost.linear(tokens, inner, shape.selected()))
            .plus(Cost.linear(tokens, shape.dtRank(), inner))
            .plus(Cost.linear(tokens, inner, width));
    // Convolution and its silu; softplus, dt * x, skip and gate are a few operations per channel.
    double elementwise = tokens * (2 * kernel + 4 + 12) * inner;
    // Decay (2), dt * x * B (1), its sum with what is left (2), read-out (2).
    double scan = tokens * 7 * state;
    // Round the convolution 3 per channel; dt and its softplus, y, skip and gate 7; B and C.
    double kept = tokens * (10 * inner + 2 * shape.state());
    double between = tokens == 1 ? state : Math.ceil(tokens / chunk) * state;
    return projections.plus(
        new Cost(elementwise + scan, kept + between, state + inner * (kernel - 1), 0));
  }
}
