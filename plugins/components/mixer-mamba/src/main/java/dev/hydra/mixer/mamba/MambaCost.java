package dev.hydra.mixer.mamba;

import dev.hydra.api.Cost;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;

/** Counts what a Mamba mixer computes and keeps. */
final class MambaCost {
  private MambaCost() {}

  /** The projections into the state space, the same for every token. */
  static Cost dense(MambaShape shape, int width, double tokens) {
    double inner = shape.inner();
    return Cost.linear(tokens, width, 2 * inner)
        .plus(Cost.linear(tokens, inner, shape.selected()))
        .plus(Cost.linear(tokens, shape.dtRank(), inner));
  }

  /** The same by so many experts, of which each token uses {@code topK}. */
  static Cost routed(MambaShape shape, int width, int experts, int topK, double tokens) {
    double pairs = tokens * topK;
    double inner = shape.inner();
    double out = 2 * inner + shape.selected() + inner;
    // What comes back from an expert is weighed and added up (2), and kept for its weight.
    Cost combined = new Cost(2 * pairs * out, pairs * out, 0, 0);
    double matrices = inner * (2.0 * width + shape.selected() + shape.dtRank());
    Cost idle = new Cost(0, 0, 0, (experts - topK) * matrices);
    return dense(shape, width, pairs).plus(combined).plus(idle);
  }

  /** All the rest: convolution, scan, gate and output projection. */
  static Cost shared(Site site, MambaShape shape, Workload work) {
    int kernel = site.get(StateSpaceOptions.CONV_KERNEL);
    double tokens = work.tokens();
    double inner = shape.inner();
    double state = inner * shape.state();
    // Convolution and its silu; softplus, dt * x, skip and gate are a few operations per channel.
    double elementwise = tokens * (2 * kernel + 4 + 12) * inner;
    // Decay (2), dt * x * B (1), its sum with what is left (2), read-out (2).
    double scan = tokens * 7 * state;
    // What CUDA kernels keep beside the inputs of projections: what is convolved and what is the
    // gate, dt and y; B and C; and the float32 states between tiles. What the last projection reads
    // is computed again.
    double kept = tokens * (4 * inner + 2 * shape.state());
    double between = tokens == 1 ? 0 : 2 * Math.ceil(tokens / ScanLaunch.TOKENS) * state;
    double projection = 2 * tokens * inner * site.width();
    return new Cost(
        elementwise + scan + projection, kept + between, state + inner * (kernel - 1), 0);
  }
}
