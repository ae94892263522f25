package dev.hydra.mixer.mamba;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.kernels.TensorMap;
import dev.hydra.libtorch.nn.Split;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Launches the kernels of one SSD in their order. What each of them takes stands above it in its
 * {@code .cu} file; nothing they write needs to be zero before.
 */
final class SsdLaunch {
  private static final int DECAY_HEADS = 4;
  private static final int HEADS_AT_ONCE = 32;
  private static final int STEP_THREADS = 1024;
  private static final int SUM_THREADS = 256;

  /** Of a block in backward whose warps issue products together. */
  private static final int WIDE_THREADS = 512;

  /** Blocks per multiprocessor that fill the device where two share one. */
  private static final double TWO = 1.9;

  private final Kernels kernels;
  private final SsdTiles tiles;
  private final SsdInput in;
  private final @Nullable Tensor documents;
  private final float low;
  private final float high;
  private final long batch;
  private final long time;
  private final long heads;
  private final long groups;
  private final long shared;
  private final long chunks;
  private final long padded;

  /** What {@code ssd_backward_x} finds out per token and head. */
  private record Flows(Tensor flow, Tensor kept, Tensor direct, Tensor skipped) {}

  /** The outputs, and what backward needs of how they came about. */
  record Forward(Ssd.Output output, SsdKept kept) {}

  /**
   * Gradients, but for that of the initial state, which is where it was asked to be.
   *
   * @param perHead those of the logarithms of decay rates, bias and skip [3, heads]
   */
  record Gradients(Tensor x, Tensor dt, Tensor b, Tensor c, Tensor perHead) {}

  /**
   * Prepares to launch.
   *
   * @param in with rows that {@link FusedSsd#rows} made fit for the kernels
   */
  SsdLaunch(Kernels kernels, SsdTiles tiles, SsdInput in) {
    this.kernels = kernels;
    this.tiles = tiles;
    this.in = in;
    documents = in.documents().orElse(null);
    low = (float) in.limits().low();
    high = in.limits().high().orElse(Double.POSITIVE_INFINITY).floatValue();
    batch = in.x().size(0);
    time = in.x().size(1);
    heads = in.x().size(2);
    groups = in.b().size(2);
    shared = heads / groups;
    chunks = (time + tiles.chunk() - 1) / tiles.chunk();
    padded = chunks * tiles.chunk();
  }

  /** Whether forward is one kernel, which writes no states between chunks. */
  static boolean inOnePass(Kernels kernels, SsdTiles tiles) {
    return tiles.onePass() && kernels.get("ssd_forward").fits();
  }

  Forward forward() {
    SsdKept decay = decay();
    Tensor y = like(in.x());
    Tensor last = state();
    if (inOnePass(kernels, tiles)) {
      Tensor scores = floats(batch, chunks, groups, tiles.scoreWords());
      launch("ssd_scores", grid(groups), strided(in.b()), strided(in.c()), scores, time);
      launch(
          "ssd_forward",
          new Grid(tiles.channelTiles(), heads, batch, 2 * tiles.threads()),
          strided(in.x()),
          strided(in.b()),
          strided(in.c()),
          decay.step(),
          decay.logs(),
          decay.toEnd(),
          decay.total(),
          decay.first(),
          scores,
          in.skip(),
          initial(),
          strided(y),
          last,
          time,
          chunks,
          shared);
      return new Forward(new Ssd.Output(y, last), decay);
    }
    Tensor before = before(decay, last);
    long splits = splits(chunks * groups * batch, TWO);
    launch(
        "ssd_output",
        grid(groups * splits),
        rows(in.x(), tiles.chunk()),
        rows(in.b(), tiles.chunk()),
        rows(in.c(), SsdTiles.STRIP),
        decay.step(),
        decay.logs(),
        decay.first(),
        rowsOfStates(before),
        in.skip(),
        strided(y),
        time,
        heads,
        shared,
        splits);
    return new Forward(new Ssd.Output(y, last), decay.with(before));
  }

  /**
   * Computes gradients.
   *
   * @param decay what forward left
   * @param dy the gradient of y, its rows fit for the kernels
   * @param dLast the gradient of the last state, contiguous; zeros if null
   * @param dInitial where to put the gradient of the initial state; nowhere if null
   */
  Gradients backward(SsdKept decay, Tensor dy, @Nullable Tensor dLast, @Nullable Tensor dInitial) {
    @Nullable Tensor kept = decay.before();
    Tensor before = kept == null ? before(decay, null) : kept;
    Tensor after = states(decay).backward(dy, in.c(), decay.fromStart(), dLast, dInitial);

    // What two kernels read: copied once at most.
    Object x = rows(in.x(), tiles.chunk());
    Object gradients = rows(dy, tiles.chunk());
    Object c = rows(in.c(), tiles.chunk());
    Object statesAfter = rowsOfStates(after);
    long scoreSplits = splits(chunks * groups * batch, SsdTiles.FULL);
    Tensor dx = Split.room(in.x());
    Tensor dScores = floats(scoreSplits, batch, chunks, groups, tiles.chunk(), tiles.chunk());
    Flows flows = new Flows(perTile(), perTile(), perTile(), perTile());
    launch(
        "ssd_backward_x",
        new Grid(
            chunks, groups * scoreSplits, batch, tiles.wide() ? WIDE_THREADS : tiles.threads()),
        x,
        gradients,
        rows(in.b(), tiles.chunk()),
        c,
        decay.step(),
        decay.logs(),
        decay.first(),
        statesAfter,
        in.skip(),
        tiles.wide() ? new TensorMap(dx.view(batch, time, -1), SsdTiles.STRIP) : strided(dx),
        dScores,
        flows.flow,
        flows.kept,
        flows.direct,
        flows.skipped,
        time,
        heads,
        shared,
        scoreSplits);

    long stateTiles = tiles.stateTiles();
    long kinds = tiles.wide() ? 1 : 2;
    long sumSplits =
        splits(kinds * chunks * groups * stateTiles * batch, tiles.wide() ? SsdTiles.FULL : TWO);
    Tensor sums = floats(2, sumSplits, batch, groups, padded, tiles.state());
    Tensor carried = floats(batch, heads, tiles.channelTiles(), stateTiles, padded);
    Tensor through = floats(batch, heads, tiles.channelTiles(), stateTiles, chunks);
    launch(
        "ssd_backward_states",
        new Grid(
            chunks,
            groups * sumSplits * stateTiles,
            kinds * batch,
            tiles.wide() ? WIDE_THREADS : tiles.threads()),
        x,
        gradients,
        c,
        decay.fromStart(),
        decay.toEnd(),
        rowsOfStates(before),
        statesAfter,
        sums,
        carried,
        through,
        time,
        heads,
        shared,
        sumSplits);

    Tensor db = Split.room(in.b());
    Tensor dc = Split.room(in.c());
    launch(
        "ssd_backward_projections",
        new Grid(chunks, groups * stateTiles, 2 * batch, tiles.threads()),
        strided(in.b()),
        strided(in.c()),
        dScores,
        scoreSplits,
        sums,
        sumSplits,
        strided(db),
        strided(dc),
        time);
    return steps(decay, flows, carried, through, dx, db, dc);
  }

  private Gradients steps(
      SsdKept decay, Flows flows, Tensor carried, Tensor through, Tensor dx, Tensor db, Tensor dc) {
    Tensor ddt = Split.room(in.dt());
    Tensor perChunk = floats(3, batch * chunks, heads);
    launch(
        "ssd_backward_steps",
        new Grid(chunks, blocksOf(HEADS_AT_ONCE), batch, STEP_THREADS),
        strided(in.dt()),
        in.decayLog(),
        in.bias(),
        low,
        high,
        decay.step(),
        decay.total(),
        flows.flow,
        flows.kept,
        flows.direct,
        flows.skipped,
        carried,
        through,
        strided(ddt),
        perChunk,
        time,
        heads);
    Tensor perHead = floats(3, heads);
    launch(
        "ssd_backward_heads",
        new Grid(blocksOf(HEADS_AT_ONCE), 3, 1, SUM_THREADS),
        perChunk,
        perHead,
        batch * chunks,
        heads);
    return new Gradients(dx, ddt, db, dc, perHead);
  }

  private SsdKept decay() {
    @Nullable Tensor first = documents == null ? null : empty(ScalarType.Int, batch, padded);
    SsdKept decay =
        new SsdKept(
            perToken(),
            perToken(),
            perToken(),
            perToken(),
            floats(batch, heads, chunks),
            first,
            null);
    launch(
        "ssd_decay",
        new Grid(chunks, blocksOf(DECAY_HEADS), batch, DECAY_HEADS * 32),
        strided(in.dt()),
        in.decayLog(),
        in.bias(),
        documents,
        low,
        high,
        decay.step(),
        decay.logs(),
        decay.fromStart(),
        decay.toEnd(),
        decay.total(),
        decay.first(),
        time,
        heads);
    return decay;
  }

  /** The states before chunks; the one after all of them goes to {@code last}. */
  private Tensor before(SsdKept decay, @Nullable Tensor last) {
    return states(decay).forward(in.x(), in.b(), decay.toEnd(), initial(), last);
  }

  private SsdStates states(SsdKept decay) {
    return new SsdStates(kernels, tiles, decay.total());
  }

  private @Nullable Tensor initial() {
    return in.initial().orElse(null);
  }

  /** A tensor, or boxes of so many rows, heads side by side: of a copy if they do not lie so. */
  private Object rows(Tensor tensor, int ofBox) {
    return tiles.wide() ? new TensorMap(tensor.flatten(2, 3), ofBox) : strided(tensor);
  }

  /** States or their gradients, or boxes of what four warps take of them. */
  private Object rowsOfStates(Tensor states) {
    return tiles.wide() ? new TensorMap(states.view(-1, tiles.state()), SsdTiles.WIDE) : states;
  }

  private long splits(long blocks, double perMultiprocessor) {
    return SsdTiles.splits(shared, blocks, perMultiprocessor * kernels.gpu().multiprocessors());
  }

  private Grid grid(long y) {
    return new Grid(chunks, y, batch, tiles.threads());
  }

  private long blocksOf(int headsOfBlock) {
    return (heads + headsOfBlock - 1) / headsOfBlock;
  }

  private void launch(String kernel, Grid grid, @Nullable Object... arguments) {
    kernels.get(kernel).launch(grid, arguments);
  }

  private Tensor perToken() {
    return floats(batch, heads, padded);
  }

  private Tensor perTile() {
    return floats(batch, heads, tiles.channelTiles(), padded);
  }

  /** Room for a state [batch, heads, headDim, state]. */
  Tensor state() {
    return floats(batch, heads, tiles.headDim(), tiles.state());
  }

  private Tensor like(Tensor other) {
    return empty(Tensors.type(other), Tensors.sizes(other));
  }

  private Tensor floats(long... sizes) {
    return empty(ScalarType.Float, sizes);
  }

  private Tensor empty(ScalarType type, long... sizes) {
    return Tensors.empty(in.x(), type, sizes);
  }
}
