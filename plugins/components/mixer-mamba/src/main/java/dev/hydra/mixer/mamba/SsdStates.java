package dev.hydra.mixer.mamba;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Launches what makes the states between chunks: one walk over time where that keeps enough of the
 * device busy ({@code ssd_walk.cu}), else what all chunks add, and then its sum over time ({@code
 * ssd_states.cu}). Both say the same of their arguments.
 *
 * @param total what is left of a state at the end of each chunk [batch, heads, chunks]
 */
record SsdStates(Kernels kernels, SsdTiles tiles, Tensor total) {
  /** Few, as each walks over all chunks: a model of few heads has many blocks then. */
  private static final int PASS_THREADS = 64;

  /**
   * Computes the states before chunks [batch, chunks, heads, headDim, state].
   *
   * @param x [batch, time, heads, headDim]
   * @param b [batch, time, groups, state]
   * @param toEnd the weights of tokens [batch, heads, padded time]
   * @param initial the state before the first token; zeros if null
   * @param last where to put the state after the last token; nowhere if null
   */
  Tensor forward(
      Tensor x, Tensor b, Tensor toEnd, @Nullable Tensor initial, @Nullable Tensor last) {
    return of(x, b, toEnd, initial, last, false);
  }

  /**
   * Computes the gradients of the states after chunks [batch, chunks, heads, headDim, state].
   *
   * @param dy [batch, time, heads, headDim]
   * @param c [batch, time, groups, state]
   * @param fromStart the weights of tokens [batch, heads, padded time]
   * @param dLast the gradient of the state after the last token; zeros if null
   * @param dInitial where to put that of the state before the first; nowhere if null
   */
  Tensor backward(
      Tensor dy, Tensor c, Tensor fromStart, @Nullable Tensor dLast, @Nullable Tensor dInitial) {
    return of(dy, c, fromStart, dLast, dInitial, true);
  }

  private Tensor of(
      Tensor values,
      Tensor keys,
      Tensor weight,
      @Nullable Tensor begin,
      @Nullable Tensor end,
      boolean backward) {
    long batch = values.size(0);
    long time = values.size(1);
    long heads = values.size(2);
    long groups = keys.size(2);
    long shared = heads / groups;
    long chunks = total.size(2);
    Tensor states =
        Tensors.empty(
            values, Tensors.type(values), batch, chunks, heads, tiles.headDim(), tiles.state());
    long direction = backward ? 1 : 0;
    if (tiles.carried() > 0) {
      kernels
          .get("ssd_walk_" + tiles.carried())
          .launch(
              new Grid(tiles.walkBlocks(), heads, batch, tiles.walkThreads()),
              strided(values),
              strided(keys),
              weight,
              total,
              begin,
              end,
              states,
              time,
              chunks,
              shared,
              direction);
      return states;
    }
    long parts = (long) tiles.channelTiles() * tiles.stateTiles();
    double wanted = SsdTiles.FULL * kernels.gpu().multiprocessors();
    long splits = SsdTiles.splits(shared, chunks * groups * parts * batch, wanted);
    kernels
        .get("ssd_chunk_states")
        .launch(
            new Grid(chunks, groups * splits * parts, batch, tiles.stateThreads()),
            strided(values),
            strided(keys),
            weight,
            states,
            time,
            heads,
            shared,
            splits);
    kernels
        .get("ssd_pass_states")
        .launch(
            new Grid(tiles.passBlocks(PASS_THREADS), heads, batch, PASS_THREADS),
            states,
            total,
            begin,
            end,
            chunks,
            direction);
    return states;
  }
}
