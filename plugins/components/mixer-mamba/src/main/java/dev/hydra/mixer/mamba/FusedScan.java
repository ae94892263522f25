package dev.hydra.mixer.mamba;

import static dev.hydra.libtorch.kernels.Kernel.strided;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.ColumnSums;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The selective scan by CUDA kernels, one forward and two backward, states in registers. Its twin
 * is {@link ChunkedScan}. Forward keeps its inputs only; backward computes the states between
 * chunks again.
 */
final class FusedScan extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(program("scan_forward.cu"), program("scan_backward.cu"), ColumnSums.SOURCE);

  /** Elements of a channel's state that the kernels can share among their threads. */
  private static final Set<Long> STATES = Set.of(4L, 8L, 16L, 32L);

  /** Threads of a block, tokens of a chunk and states of a thread, as the programs say. */
  private static final int THREADS = 64;

  private static final int CHUNK = 16;
  private static final int EACH = 4;

  private final Kernels kernels;
  private final ScanInput.Layout arguments;

  private FusedScan(Kernels kernels, ScanInput.Layout arguments) {
    this.kernels = kernels;
    this.arguments = arguments;
  }

  private static KernelSource program(String file) {
    return KernelSource.of(FusedScan.class, "primitives.cu", "vectors.cu", "scan_parts.cu", file);
  }

  /**
   * Chooses: gives the fused path if the inputs are on a CUDA device, of the types and within the
   * limits of the kernels, and they are to be used there ({@link KernelMode}).
   *
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  static Optional<FusedScan> of(ScanInput in) {
    Tensor x = in.x();
    if (!x.is_cuda() || KernelMode.current() == KernelMode.PLAIN || isInlined() || !possible(in)) {
      return Optional.empty();
    }
    Map<String, Integer> macros =
        Map.of(
            "ELEMENT_BF16",
            Tensors.type(x) == ScalarType.BFloat16 ? 1 : 0,
            "STATE",
            (int) in.a().size(1),
            "DOCUMENTS",
            in.documents().isPresent() ? 1 : 0);
    return KERNELS.usable(x, macros).map(kernels -> new FusedScan(kernels, in.layout()));
  }

  private static boolean possible(ScanInput in) {
    ScalarType type = Tensors.type(in.x());
    return (type == ScalarType.Float || type == ScalarType.BFloat16)
        && Tensors.type(in.b()) == type
        && Tensors.type(in.c()) == type
        && Tensors.type(in.dt()) == ScalarType.Float
        && Tensors.type(in.a()) == ScalarType.Float
        && in.initial().map(i -> Tensors.type(i) == ScalarType.Float).orElse(true)
        && STATES.contains(in.a().size(1))
        && in.x().size(0) <= Grid.MOST_ROWS
        && in.x().numel() > 0;
  }

  /** Computes {@link SelectiveScan#chunked} of the input that it was chosen for. */
  SelectiveScan.Output compute(ScanInput in) {
    Tensor[] outputs = apply(in.tensors());
    return new SelectiveScan.Output(outputs[0], outputs[1]);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor[] fit = new Tensor[inputs.length];
    for (int i = 0; i < inputs.length; i++) {
      boolean inRows = i != ScanInput.A && i <= ScanInput.C;
      fit[i] = inRows ? rows(inputs[i]) : inputs[i].contiguous();
    }
    context.save(fit);
    ScanInput in = arguments.input(fit);
    Tensor y = Tensors.empty(in.x(), Tensors.type(in.x()), Tensors.sizes(in.x()));
    Tensor last = states(in);
    scan(in, y, null, last);
    return new Tensor[] {y, last};
  }

  /** Computes what is not null: y, the states before each chunk, the state after the last token. */
  private void scan(
      ScanInput in, @Nullable Tensor y, @Nullable Tensor before, @Nullable Tensor last) {
    kernels
        .get("scan_forward")
        .launch(
            grid(in),
            strided(in.x()),
            strided(in.dt()),
            in.a(),
            strided(in.b()),
            strided(in.c()),
            in.documents().orElse(null),
            in.initial().orElse(null),
            y,
            before,
            last,
            (int) in.x().size(1),
            (int) in.x().size(2));
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor[] saved = new Tensor[arguments.count()];
    for (int i = 0; i < saved.length; i++) {
      saved[i] = context.saved(i);
    }
    ScanInput in = arguments.input(saved);
    long batch = in.x().size(0);
    long time = in.x().size(1);
    long channels = in.x().size(2);
    long state = in.a().size(1);
    Grid grid = grid(in);
    Tensor before = floats(in, batch, (time + CHUNK - 1) / CHUNK, channels, state);
    scan(in, null, before, null);

    @Nullable Tensor dLast = gradients.arrived(1) ? gradients.of(1).contiguous() : null;
    Tensor dx = Tensors.empty(in.x(), Tensors.type(in.x()), batch, time, channels);
    Tensor dSteps = floats(in, batch, time, channels);
    Tensor rateSums = floats(in, batch, channels * state);
    Tensor sharedSums = floats(in, grid.x(), batch * time * 2 * state);
    @Nullable Tensor dInitial = arguments.continued() ? states(in) : null;
    kernels
        .get("scan_backward")
        .launch(
            grid,
            strided(rows(gradients.of(0))),
            strided(in.x()),
            strided(in.dt()),
            in.a(),
            strided(in.b()),
            strided(in.c()),
            in.documents().orElse(null),
            before,
            dLast,
            dx,
            dSteps,
            rateSums,
            sharedSums,
            dInitial,
            (int) time,
            (int) channels);
    Tensor shared =
        ColumnSums.of(kernels, sharedSums, ScalarType.Float).view(batch, time, 2 * state);
    gradients.give(ScanInput.X, dx);
    gradients.give(ScanInput.DT, dSteps);
    gradients.give(
        ScanInput.A, ColumnSums.of(kernels, rateSums, ScalarType.Float).view(channels, state));
    gradients.give(ScanInput.B, shared.narrow(2, state, state));
    gradients.give(ScanInput.C, shared.narrow(2, 0, state));
    if (dInitial != null) {
      gradients.give(arguments.initialIndex(), dInitial);
    }
  }

  private static Grid grid(ScanInput in) {
    long perBlock = THREADS / (in.a().size(1) / EACH);
    long blocks = (in.x().size(2) + perBlock - 1) / perBlock;
    return new Grid(blocks, in.x().size(0), 1, THREADS);
  }

  /** Room for a state [batch, channels, state]. */
  private static Tensor states(ScanInput in) {
    return floats(in, in.x().size(0), in.x().size(2), in.a().size(1));
  }

  private static Tensor rows(Tensor tensor) {
    return tensor.stride(2) == 1 ? tensor : tensor.contiguous();
  }

  private static Tensor floats(ScanInput in, long... sizes) {
    return Tensors.empty(in.x(), ScalarType.Float, sizes);
  }
}
