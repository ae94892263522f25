package dev.hydra.mixer.deltanet;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.Split;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Launches the kernels of one gated delta rule in their order. What each of them takes stands above
 * it in its {@code .cu} file; nothing they write needs to be zero before.
 */
final class DeltaLaunch {
  private final Kernels kernels;
  private final DeltaTiles tiles;
  private final GatedDeltaRule.Input in;
  private final @Nullable Tensor initial;
  private final long batch;
  private final long time;
  private final long heads;
  private final long chunks;
  private final long padded;

  /** What depends on decays and strengths alone, see {@code delta_decay}. */
  private record Decay(
      Tensor sums,
      Tensor beta,
      Tensor fromStart,
      Tensor toEnd,
      Tensor total,
      @Nullable Tensor first) {}

  /**
   * What follows from one chunk to the next.
   *
   * @param removed what tokens take away of the state before their chunk, by keys
   * @param written what they write
   * @param states before the chunks
   */
  private record Passed(Tensor removed, Tensor written, Tensor states) {}

  /** Gradients, but for that of the initial state, which is where it was asked to be. */
  record Gradients(Tensor q, Tensor k, Tensor v, Tensor log, Tensor strength) {}

  /**
   * Prepares to launch.
   *
   * @param in with queries, keys and values in rows aligned to 16 bytes, log and strength of last
   *     stride 1, all else contiguous
   */
  DeltaLaunch(Kernels kernels, DeltaTiles tiles, GatedDeltaRule.Input in) {
    this.kernels = kernels;
    this.tiles = tiles;
    this.in = in;
    initial = in.initial().orElse(null);
    batch = in.v().size(0);
    time = in.v().size(1);
    heads = in.v().size(2);
    chunks = (time + DeltaTiles.CHUNK - 1) / DeltaTiles.CHUNK;
    padded = chunks * DeltaTiles.CHUNK;
  }

  GatedDeltaRule.Output forward() {
    Decay decay = decay();
    Tensor last = state();
    Passed passed = pass(decay, null, last);
    Tensor y = empty(Tensors.type(in.v()), batch, time, heads, tiles.valueDim());
    launch(
        "delta_output",
        perChunk(1),
        strided(in.q()),
        strided(in.k()),
        decay.sums,
        decay.fromStart,
        decay.first,
        passed.states,
        passed.written,
        strided(y),
        time);
    return new GatedDeltaRule.Output(y, last);
  }

  /**
   * Computes gradients.
   *
   * @param dy the gradient of y, its rows aligned to 16 bytes
   * @param dLast the gradient of the last state, contiguous; zeros if null
   * @param dInitial where to put the gradient of the initial state; nowhere if null
   */
  Gradients backward(Tensor dy, @Nullable Tensor dLast, @Nullable Tensor dInitial) {
    Decay decay = decay();
    Tensor inverse = squares();
    Passed passed = pass(decay, inverse, null);
    Tensor dWritten = elements(padded, tiles.valueDim());
    launch(
        "delta_backward_output",
        perChunk(1),
        strided(in.q()),
        strided(in.k()),
        strided(dy),
        decay.sums,
        decay.first,
        dWritten,
        time);
    Tensor after = states();
    launch(
        "delta_backward_states",
        sweeps(),
        strided(in.q()),
        strided(in.k()),
        strided(dy),
        decay.fromStart,
        decay.toEnd,
        decay.total,
        passed.removed,
        dWritten,
        dLast,
        after,
        dInitial,
        time,
        chunks);

    Tensor dv = Split.room(in.v());
    Tensor dScores = squares();
    Tensor dCoupling = squares();
    Tensor flow = floats(batch, heads, padded);
    Tensor wrote = floats(batch, heads, padded);
    launch(
        "delta_backward_values",
        perChunk(1),
        strided(in.q()),
        strided(in.k()),
        strided(dy),
        decay.sums,
        decay.beta,
        decay.first,
        inverse,
        passed.written,
        dWritten,
        strided(dv),
        dScores,
        dCoupling,
        flow,
        wrote,
        time);

    Tensor dq = Split.room(in.q());
    Tensor dk = Split.room(in.k());
    int parts = tiles.keyTiles();
    Tensor entered = floats(batch, heads, parts, padded);
    Tensor left = floats(batch, heads, parts, padded);
    Tensor through = floats(batch, heads, parts, chunks);
    launch(
        "delta_backward_keys",
        perChunk(parts),
        strided(in.q()),
        strided(in.k()),
        strided(dy),
        strided(dv),
        decay.fromStart,
        decay.toEnd,
        decay.total,
        passed.states,
        passed.written,
        after,
        dScores,
        dCoupling,
        strided(dq),
        strided(dk),
        entered,
        left,
        through,
        time,
        chunks);

    Tensor dLog = floats(batch, time, heads);
    Tensor dStrength = floats(batch, time, heads);
    launch(
        "delta_backward_gates",
        severalHeads(),
        strided(in.log()),
        strided(in.strength()),
        flow,
        wrote,
        entered,
        left,
        through,
        strided(dLog),
        strided(dStrength),
        time,
        heads);
    return new Gradients(dq, dk, dv, dLog, dStrength);
  }

  private Decay decay() {
    @Nullable Tensor documents = in.documents().orElse(null);
    @Nullable Tensor first = documents == null ? null : empty(ScalarType.Int, batch, padded);
    Decay decay =
        new Decay(
            floats(batch, heads, padded),
            floats(batch, heads, padded),
            floats(batch, heads, padded),
            floats(batch, heads, padded),
            floats(batch, heads, chunks),
            first);
    launch(
        "delta_decay",
        severalHeads(),
        strided(in.log()),
        strided(in.strength()),
        documents,
        (float) in.most(),
        decay.sums,
        decay.beta,
        decay.fromStart,
        decay.toEnd,
        decay.total,
        decay.first,
        time,
        heads);
    return decay;
  }

  /** The state after all chunks goes to {@code last}, the inverse of each to {@code inverse}. */
  private Passed pass(Decay decay, @Nullable Tensor inverse, @Nullable Tensor last) {
    Tensor removed = elements(padded, tiles.keyDim());
    Tensor written = elements(padded, tiles.valueDim());
    launch(
        "delta_prepare",
        perChunk(1),
        strided(in.k()),
        strided(in.v()),
        decay.sums,
        decay.beta,
        decay.fromStart,
        decay.first,
        removed,
        written,
        inverse,
        time);
    Tensor states = states();
    launch(
        "delta_states",
        sweeps(),
        strided(in.k()),
        decay.toEnd,
        decay.total,
        removed,
        written,
        initial,
        states,
        last,
        time,
        chunks);
    return new Passed(removed, written, states);
  }

  private void launch(String kernel, Grid grid, @Nullable Object... arguments) {
    kernels.get(kernel).launch(grid, arguments);
  }

  private Grid perChunk(int parts) {
    return new Grid(parts * chunks, heads, batch, DeltaTiles.THREADS);
  }

  private Grid sweeps() {
    return new Grid(tiles.sweeps(), heads, batch, DeltaTiles.SWEEP_THREADS);
  }

  private Grid severalHeads() {
    long blocks = (heads + DeltaTiles.HEADS_AT_ONCE - 1) / DeltaTiles.HEADS_AT_ONCE;
    return new Grid(chunks, blocks, batch, DeltaTiles.SWEEP_THREADS);
  }

  /** Room for a state [batch, heads, keyDim, valueDim]. */
  Tensor state() {
    return floats(batch, heads, tiles.keyDim(), tiles.valueDim());
  }

  private Tensor states() {
    return elements(chunks, tiles.keyDim(), tiles.valueDim());
  }

  private Tensor squares() {
    return elements(chunks, DeltaTiles.CHUNK, DeltaTiles.CHUNK);
  }

  /** Per head, in the type of the values. */
  private Tensor elements(long... sizes) {
    long[] all = new long[sizes.length + 2];
    all[0] = batch;
    all[1] = heads;
    System.arraycopy(sizes, 0, all, 2, sizes.length);
    return empty(Tensors.type(in.v()), all);
  }

  private Tensor floats(long... sizes) {
    return empty(ScalarType.Float, sizes);
  }

  private Tensor empty(ScalarType type, long... sizes) {
    return Tensors.empty(in.v(), type, sizes);
  }
}
