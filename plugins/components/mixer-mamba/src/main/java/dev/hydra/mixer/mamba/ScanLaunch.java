package dev.hydra.mixer.mamba;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.ColumnSums;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Launches the kernels of one selective scan in their order: once for every {@link #SLICE} states,
 * and before that, where channels are few, what lets spans of time be computed side by side. What
 * each takes stands above it in its {@code .cu} file; nothing they write needs to be zero before.
 */
final class ScanLaunch {
  /** States of a launch, as {@code scan_parts.cu} says; so for the other three. */
  static final int SLICE = 16;

  /** Tokens of a tile. */
  static final int TOKENS = 32;

  private static final int THREADS = 128;
  private static final int CHANNELS = 32;

  /**
   * So many spans pay: they cost a pass over time more, which is most of what forward does, and a
   * quarter of what backward does.
   */
  private static final long FORWARD_SPANS = 3;

  private static final long BACKWARD_SPANS = 2;

  private final Kernels kernels;
  private final SelectiveInput in;
  private final @Nullable Tensor documents;
  private final long batch;
  private final long time;
  private final long channels;
  private final long states;
  private final long tiles;

  /**
   * Gradients, but for that of the initial state, which is where it was asked to be.
   *
   * @param biasAndSkip those of bias and skip [2, channels]
   */
  record Gradients(Tensor x, Tensor dt, Tensor a, Tensor b, Tensor c, Tensor biasAndSkip) {}

  /** Time in parts: how many, and how many tiles each but the last has. */
  private record Spans(long count, long tiles) {}

  /**
   * Prepares to launch.
   *
   * @param in x, dt, b and c with rows whose elements are neighbours, the rest contiguous
   */
  ScanLaunch(Kernels kernels, SelectiveInput in) {
    this.kernels = kernels;
    this.in = in;
    documents = in.documents().orElse(null);
    batch = in.x().size(0);
    time = in.x().size(1);
    channels = in.x().size(2);
    states = in.a().size(1);
    tiles = Grid.count(time, TOKENS);
  }

  /** Room for a state [batch, channels, states]. */
  Tensor state() {
    return floats(batch, channels, states);
  }

  /** Room for the state before each tile, which backward begins with. */
  Tensor before() {
    return floats(batch, tiles, channels, states);
  }

  /**
   * Computes outputs.
   *
   * @param before where to put the state before each tile; nowhere if null
   */
  SelectiveScan.Output forward(@Nullable Tensor before) {
    Tensor y = tokens();
    Tensor last = state();
    Spans spans = spans("scan_forward", FORWARD_SPANS);
    @Nullable Tensor starts = in.initial().orElse(null);
    if (spans.count > 1) {
      starts = starts("scan_ends", spans, in.x(), in.b(), starts, false);
    }
    @Nullable Tensor sums = sums();
    for (int slice = 0; slice < states; slice += SLICE) {
      launch(
          "scan_forward",
          grid(spans),
          strided(in.x()),
          strided(in.dt()),
          in.a(),
          strided(in.b()),
          strided(in.c()),
          in.bias(),
          in.skip(),
          documents,
          starts,
          y,
          sums,
          before,
          last,
          (int) time,
          (int) channels,
          (int) states,
          slice,
          (int) spans.tiles);
    }
    return new SelectiveScan.Output(y, last);
  }

  /**
   * Computes gradients.
   *
   * @param before what forward put there
   * @param dy the gradient of y, its rows like those of x
   * @param dLast the gradient of the last state, contiguous; zeros if null
   * @param dInitial where to put the gradient of the initial state; nowhere if null
   */
  Gradients backward(Tensor before, Tensor dy, @Nullable Tensor dLast, @Nullable Tensor dInitial) {
    Spans spans = spans("scan_backward", BACKWARD_SPANS);
    @Nullable Tensor flows = dLast;
    if (spans.count > 1) {
      flows = starts("scan_ends_back", spans, dy, in.c(), dLast, true);
    }
    Grid grid = grid(spans);
    Tensor dx = tokens();
    Tensor dt = tokens();
    Tensor rateSums = floats(batch * spans.count, channels * states);
    Tensor sharedSums = floats(grid.x(), batch * time * 2 * SLICE);
    Tensor channelSums = floats(batch * spans.count, 2 * channels);
    @Nullable Tensor inputSums = sums();
    @Nullable Tensor stepSums = sums();
    Tensor[] shared = new Tensor[(int) Grid.count(states, SLICE)];
    for (int i = 0; i < shared.length; i++) {
      launch(
          "scan_backward",
          grid,
          strided(dy),
          strided(in.x()),
          strided(in.dt()),
          in.a(),
          strided(in.b()),
          strided(in.c()),
          in.bias(),
          in.skip(),
          documents,
          before,
          flows,
          dx,
          dt,
          inputSums,
          stepSums,
          rateSums,
          sharedSums,
          channelSums,
          dInitial,
          (int) time,
          (int) channels,
          (int) states,
          i * SLICE,
          (int) spans.tiles);
      shared[i] = ColumnSums.of(kernels, sharedSums, ScalarType.Float).view(batch, time, 2, SLICE);
    }
    Tensor together = shared.length == 1 ? shared[0] : Tensors.cat(3, shared);
    Tensor selected = together.narrow(3, 0, states);
    return new Gradients(
        dx,
        dt,
        ColumnSums.of(kernels, rateSums, ScalarType.Float).view(channels, states),
        selected.select(2, 1),
        selected.select(2, 0),
        ColumnSums.of(kernels, channelSums, ScalarType.Float).view(2, channels));
  }

  /**
   * What each span begins with [batch, spans, channels, states].
   *
   * @param kernel which finds what each does by itself
   * @param given what the first that is walked begins with; zeros if null
   * @param back whether that is the last in time
   */
  private Tensor starts(
      String kernel,
      Spans spans,
      Tensor byChannel,
      Tensor selected,
      @Nullable Tensor given,
      boolean back) {
    Tensor ends = floats(batch, spans.count, channels, states);
    Tensor steps = floats(batch, spans.count, channels);
    for (int slice = 0; slice < states; slice += SLICE) {
      launch(
          kernel,
          grid(spans),
          strided(byChannel),
          strided(in.dt()),
          in.bias(),
          in.a(),
          strided(selected),
          documents,
          ends,
          steps,
          (int) time,
          (int) channels,
          (int) states,
          slice,
          (int) spans.tiles);
    }
    launch(
        "scan_carry",
        new Grid(Grid.count(channels * states, THREADS), batch, 1, THREADS),
        given,
        in.a(),
        steps,
        ends,
        (int) channels,
        (int) states,
        (int) spans.count,
        back ? 1 : 0);
    return ends;
  }

  /** So many spans that the device is full, or one if that would take fewer than pay. */
  private Spans spans(String kernel, long least) {
    long most = kernels.get(kernel).blocksAtOnce(THREADS) / (blocks() * batch);
    long each = most < least ? tiles : Grid.count(tiles, most);
    return new Spans(Grid.count(tiles, each), each);
  }

  private long blocks() {
    return Grid.count(channels, CHANNELS);
  }

  private Grid grid(Spans spans) {
    return new Grid(blocks(), batch, spans.count, THREADS);
  }

  private void launch(String kernel, Grid grid, @Nullable Object... arguments) {
    kernels.get(kernel).launch(grid, arguments);
  }

  /** Room for what slices of the states add up to, token by token; none for a single slice. */
  private @Nullable Tensor sums() {
    return states > SLICE ? floats(batch, time, channels) : null;
  }

  /** Room for a value of each token and channel in the type of x. */
  private Tensor tokens() {
    return Tensors.empty(in.x(), Tensors.type(in.x()), batch, time, channels);
  }

  private Tensor floats(long... sizes) {
    return Tensors.empty(in.x(), ScalarType.Float, sizes);
  }
}
