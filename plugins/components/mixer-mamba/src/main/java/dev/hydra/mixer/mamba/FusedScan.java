package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.ColumnSums;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The selective scan by CUDA kernels, from steps as projected to y with what skips the recurrence,
 * for any number of states. Forward keeps its inputs and, if there is a backward, the state before
 * every 32 tokens, from which backward computes the others again. Its twin is {@link
 * SelectiveScan#plain}.
 */
final class FusedScan extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          program("scan_forward.cu"),
          program("scan_ends.cu"),
          program("scan_backward.cu"),
          ColumnSums.SOURCE);

  /** Those there always are; the first of them are in rows. */
  private static final int INPUTS = 7;

  private static final int ROWS = 4;

  private final Kernels kernels;
  private final boolean packed;
  private final boolean continued;

  private FusedScan(Kernels kernels, SelectiveInput in) {
    this.kernels = kernels;
    packed = in.documents().isPresent();
    continued = in.initial().isPresent();
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
  static Optional<FusedScan> of(SelectiveInput in) {
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
    return KERNELS.usable(x, macros).map(kernels -> new FusedScan(kernels, in));
  }

  private static boolean possible(SelectiveInput in) {
    ScalarType type = Tensors.type(in.x());
    return (type == ScalarType.Float || type == ScalarType.BFloat16)
        && Stream.of(in.dt(), in.b(), in.c()).allMatch(each -> Tensors.type(each) == type)
        && Stream.concat(Stream.of(in.a(), in.bias(), in.skip()), in.initial().stream())
            .allMatch(each -> Tensors.type(each) == ScalarType.Float)
        && in.x().size(0) <= Grid.MOST_ROWS
        && in.x().numel() > 0;
  }

  /** Computes {@link SelectiveScan#of} of the input that it was chosen for. */
  SelectiveScan.Output compute(SelectiveInput in) {
    List<Tensor> inputs =
        new ArrayList<>(List.of(in.x(), in.dt(), in.b(), in.c(), in.a(), in.bias(), in.skip()));
    in.documents().ifPresent(inputs::add);
    in.initial().ifPresent(inputs::add);
    Tensor[] outputs = apply(inputs.toArray(Tensor[]::new));
    return new SelectiveScan.Output(outputs[0], outputs[1]);
  }

  /** The input that tensors are, in the order of {@link #compute}. */
  private SelectiveInput input(Tensor... tensors) {
    return new SelectiveInput(
        tensors[0],
        tensors[1],
        tensors[4],
        tensors[2],
        tensors[3],
        tensors[5],
        tensors[6],
        packed ? Optional.of(tensors[INPUTS]) : Optional.empty(),
        continued ? Optional.of(tensors[initialIndex()]) : Optional.empty());
  }

  private int initialIndex() {
    return packed ? INPUTS + 1 : INPUTS;
  }

  private int count() {
    return continued ? initialIndex() + 1 : initialIndex();
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor[] fit = new Tensor[inputs.length];
    for (int i = 0; i < inputs.length; i++) {
      fit[i] = i < ROWS ? rows(inputs[i]) : inputs[i].contiguous();
    }
    context.save(fit);
    ScanLaunch launch = new ScanLaunch(kernels, input(fit));
    @Nullable Tensor before = null;
    if (IntStream.range(0, inputs.length).anyMatch(context::needsGrad)) {
      before = launch.before();
      context.save(before);
    }
    SelectiveScan.Output output = launch.forward(before);
    return new Tensor[] {output.y(), output.state()};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor[] saved = new Tensor[count()];
    Arrays.setAll(saved, context::saved);
    ScanLaunch launch = new ScanLaunch(kernels, input(saved));
    @Nullable Tensor dLast = gradients.arrived(1) ? gradients.of(1).contiguous() : null;
    @Nullable Tensor dInitial =
        continued && context.needsGrad(initialIndex()) ? launch.state() : null;
    ScanLaunch.Gradients found =
        launch.backward(context.saved(saved.length), rows(gradients.of(0)), dLast, dInitial);
    gradients.give(0, found.x());
    gradients.give(1, found.dt());
    gradients.give(2, found.b());
    gradients.give(3, found.c());
    gradients.give(4, found.a());
    gradients.give(5, found.biasAndSkip().select(0, 0));
    gradients.give(6, found.biasAndSkip().select(0, 1));
    if (dInitial != null) {
      gradients.give(initialIndex(), dInitial);
    }
  }

  /** The tensor itself if the elements of its rows are neighbours, else a copy. */
  private static Tensor rows(Tensor tensor) {
    return tensor.stride(2) == 1 ? tensor : tensor.contiguous();
  }
}
