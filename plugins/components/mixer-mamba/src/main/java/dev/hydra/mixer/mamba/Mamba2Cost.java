package dev.hydra.mixer.mamba;

import dev.hydra.api.Cost;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.kernels.Gpu;

/** Counts what a Mamba-2 mixer computes and keeps. */
final class Mamba2Cost {
  /** The device whose kernels are counted: an H100 or H200. */
  private static final Gpu COUNTED = new Gpu(0, 9, 0, 132, 232_448);

  private Mamba2Cost() {}

  static Cost of(Mamba2Shape shape, int width, int kernel, int chunk, Workload work) {
    double tokens = work.tokens();
    double inner = shape.inner();
    double channels = shape.convChannels();
    double projected = shape.projected();
    double state = inner * shape.state();
    // What the second one reads is computed again.
    Cost projections =
        Cost.linear(tokens, width, projected).plus(new Cost(2 * tokens * inner * width, 0, 0, 0));
    // Convolution; silu, skip, gate and norm are a few operations per channel.
    double elementwise = tokens * (2 * kernel * channels + 4 * channels + 12 * inner);
    // What CUDA kernels keep beside the input of the first projection: what that, the convolution
    // and the SSD give, and four float32 numbers per step.
    double kept = tokens * (projected + channels + inner + 8.0 * shape.heads());
    Cost around = new Cost(elementwise, kept, state + channels * (kernel - 1), 0);
    return projections.plus(around).plus(tokens == 1 ? step(state) : scan(shape, chunk, tokens));
  }

  /** Decay, outer product, sum and read-out of {@link Ssd#step}; there is no backward. */
  private static Cost step(double state) {
    return new Cost(6 * state, 0, 0, 0);
  }

  /**
   * The products of {@link Ssd#chunked}, and what the kernels keep of states between chunks:
   * nothing where forward is one kernel.
   */
  private static Cost scan(Mamba2Shape shape, int chunk, double tokens) {
    double size = Math.min(chunk, tokens);
    double chunks = Math.ceil(tokens / size);
    double inner = shape.inner();
    double states = chunks * inner * shape.state();
    double scores = 2 * tokens * size * shape.groups() * shape.state();
    double mixing = 2 * tokens * size * inner;
    double addedAndRead = 4 * tokens * inner * shape.state();
    double passing = 2 * Math.min(chunks, ChunkRecurrence.BLOCK) * states;
    double masks = 4 * tokens * size * shape.heads();
    SsdTiles tiles = SsdTiles.of(false, shape.headDim(), shape.state(), shape.heads(), COUNTED);
    double kept = tiles.onePass() ? 0 : Math.ceil(tokens / tiles.chunk()) * inner * shape.state();
    return new Cost(scores + mixing + addedAndRead + passing + masks, kept, 0, 0);
  }
}
