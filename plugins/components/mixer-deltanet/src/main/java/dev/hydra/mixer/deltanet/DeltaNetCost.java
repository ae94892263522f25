package dev.hydra.mixer.deltanet;

import dev.hydra.api.Cost;
import dev.hydra.libtorch.nn.Chunks;

/** Counts what a gated delta net computes and keeps. */
final class DeltaNetCost {
  private DeltaNetCost() {}

  static Cost of(DeltaNetShape shape, int width, int kernel, int chunk, long tokens) {
    double channels = shape.convChannels();
    double values = shape.values();
    double heads = shape.valueHeads();
    Cost projections =
        Cost.linear(tokens, width, shape.projected())
            .plus(Cost.linear(tokens, width, 2 * heads))
            .plus(new Cost(2 * tokens * values * width, 0, 0, 0)); // reads what is computed again
    // Convolution and silu; lengths of queries and keys; norm and gate; decays and strengths.
    double elementwise =
        (2 * kernel + 4) * channels + 5 * 2 * shape.keys() + 10 * values + 10 * heads;
    // Round the convolution 3 per channel; lengths 2; what the rule takes; norm and gate 4.
    double kept =
        3 * channels + 2 * 2 * shape.keys() + 2 * heads * shape.headDim() + 4 * values + 6 * heads;
    double state = shape.state() + channels * (kernel - 1);
    return projections
        .plus(new Cost(tokens * elementwise, tokens * kept, state, 0))
        .plus(tokens == 1 ? step(shape) : chunked(shape, Chunks.of(tokens, chunk)));
  }

  /** Decay, error, correction and read-out of {@link GatedDeltaRule#step}. */
  private static Cost step(DeltaNetShape shape) {
    return new Cost(7.0 * shape.state(), 2.0 * shape.state(), 0, 0);
  }

  /**
   * The products of {@link ChunkedDeltaRule}, which keeps the states between chunks; {@link
   * FusedDeltaRule} does not.
   */
  private static Cost chunked(DeltaNetShape shape, Chunks chunks) {
    double size = chunks.size();
    double keyDim = shape.headDim();
    double valueDim = shape.valueDim();
    double both = keyDim + valueDim;
    double scores = 2 * 2 * size * size * keyDim;
    double inverse = size * size * size / 3;
    double solvedAndMixed = 2 * 2 * size * size * both;
    double atEnd = 2 * size * keyDim * both;
    double read = 2 * size * keyDim * valueDim;
    double passed = 2 * keyDim * keyDim * valueDim;
    double masks = 6 * size * size;
    double states =
        DeltaTiles.possible(shape.headDim(), shape.valueDim())
            ? 0
            : (double) (chunks.count() + 1) * shape.state();
    double perHead = scores + inverse + solvedAndMixed + atEnd + read + passed + masks;
    return new Cost(chunks.count() * shape.valueHeads() * perHead, states, 0, 0);
  }
}
