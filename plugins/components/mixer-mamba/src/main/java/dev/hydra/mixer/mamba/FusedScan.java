package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.ColumnSums;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The selective scan by CUDA kernels, states in registers, any number of them. Its twin is {@link
 * ChunkedScan}. Forward keeps its inputs and, if there is a backward, the state before every 32
 * tokens, from which backward computes the others again.
 */
final class FusedScan extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          program("scan_forward.cu"),
          program("scan_ends.cu"),
          program("scan_backward.cu"),
          ColumnSums.SOURCE);

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
            "SLICED",
            in.a().size(1) > ScanLaunch.SLICE ? 1 : 0);
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
    ScanLaunch launch = new ScanLaunch(kernels, arguments.input(fit));
    @Nullable Tensor before = null;
    if (isRecorded(context)) {
      before = launch.before();
      context.save(before);
    }
    SelectiveScan.Output output = launch.forward(before);
    return new Tensor[] {output.y(), output.state()};
  }

  private boolean isRecorded(Context context) {
    return IntStream.range(0, arguments.count()).anyMatch(context::needsGrad);
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor[] saved = new Tensor[arguments.count()];
    Arrays.setAll(saved, context::saved);
    ScanLaunch launch = new ScanLaunch(kernels, arguments.input(saved));
    @Nullable Tensor dLast = gradients.arrived(1) ? gradients.of(1).contiguous() : null;
    @Nullable Tensor dInitial = arguments.continued() ? launch.state() : null;
    ScanLaunch.Gradients found =
        launch.backward(context.saved(saved.length), rows(gradients.of(0)), dLast, dInitial);
    gradients.give(ScanInput.X, found.x());
    gradients.give(ScanInput.DT, found.dt());
    gradients.give(ScanInput.A, found.a());
    gradients.give(ScanInput.B, found.b());
    gradients.give(ScanInput.C, found.c());
    if (dInitial != null) {
      gradients.give(arguments.initialIndex(), dInitial);
    }
  }

  private static Tensor rows(Tensor tensor) {
    return tensor.stride(2) == 1 ? tensor : tensor.contiguous();
  }
}
