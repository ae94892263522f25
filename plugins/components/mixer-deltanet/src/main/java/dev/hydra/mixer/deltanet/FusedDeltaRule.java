package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.nn.VectorSize;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The gated delta rule by CUDA kernels, in chunks of 64 tokens. Forward keeps its inputs only;
 * backward computes the states between chunks again. Its twin is {@link GatedDeltaRule#chunked}.
 */
final class FusedDeltaRule extends CustomFunction {
  private static final KernelSet KERNELS =
      KernelSet.of(
          program("decay"),
          program("inverse", "prepare"),
          program("sweep", "states"),
          program("output"),
          program("backward_output"),
          program("sweep", "backward_states"),
          program("backward_values"),
          program("backward_keys"),
          program("decay", "backward_gates"));

  /** Those that take shared memory beyond what every device has. */
  private static final List<String> LARGE =
      List.of(
          "delta_prepare",
          "delta_states",
          "delta_output",
          "delta_backward_output",
          "delta_backward_states",
          "delta_backward_values",
          "delta_backward_keys");

  /** What a thread copies at once. */
  private static final int ALIGNMENT = 16;

  private final Kernels kernels;
  private final DeltaTiles tiles;
  private final DeltaArguments arguments;

  private FusedDeltaRule(Kernels kernels, DeltaTiles tiles, DeltaArguments arguments) {
    this.kernels = kernels;
    this.tiles = tiles;
    this.arguments = arguments;
  }

  private static KernelSource program(String... parts) {
    return KernelSource.of(
        FusedDeltaRule.class,
        Stream.concat(
                Stream.of("primitives.cu", "tensor_cores.cu", "tiles.cu", "chunk_documents.cu"),
                Stream.concat(Stream.of("chunks"), Stream.of(parts))
                    .map(part -> "delta_" + part + ".cu"))
            .toArray(String[]::new));
  }

  /**
   * Chooses: gives the fused path if an input is on a CUDA device, of the types and within the
   * limits of the kernels, and they are to be used there ({@link KernelMode}).
   *
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  static Optional<FusedDeltaRule> of(GatedDeltaRule.Input in) {
    Tensor v = in.v();
    if (!v.is_cuda()
        || KernelMode.current() == KernelMode.PLAIN
        || isInlined()
        || !typesFit(in)
        || !sizesFit(in)) {
      return Optional.empty();
    }
    Gpu gpu = Gpu.of(v);
    DeltaTiles tiles =
        DeltaTiles.of(
            Tensors.type(v) == ScalarType.Float,
            (int) in.k().size(3),
            (int) v.size(3),
            v.size(0) * v.size(2),
            gpu.multiprocessors());
    return KERNELS
        .usable(v, tiles.macros(in.documents().isPresent(), gpu.sharedBytes()))
        .filter(found -> LARGE.stream().map(found::get).allMatch(Kernel::fits))
        .map(found -> new FusedDeltaRule(found, tiles, DeltaArguments.of(in)));
  }

  private static boolean typesFit(GatedDeltaRule.Input in) {
    ScalarType type = Tensors.type(in.v());
    return (type == ScalarType.Float || type == ScalarType.BFloat16)
        && Tensors.type(in.q()) == type
        && Tensors.type(in.k()) == type
        && Stream.concat(Stream.of(in.log(), in.strength()), in.initial().stream())
            .allMatch(each -> Tensors.type(each) == ScalarType.Float);
  }

  /** Whether the kernels know heads of this size, and CUDA can count them and the sequences. */
  private static boolean sizesFit(GatedDeltaRule.Input in) {
    return DeltaTiles.possible(in.k().size(3), in.v().size(3))
        && in.v().size(0) <= Grid.MOST_ROWS
        && in.v().size(2) <= Grid.MOST_ROWS
        && in.v().numel() > 0;
  }

  /** Computes {@link GatedDeltaRule#of} of the input that it was chosen for. */
  GatedDeltaRule.Output compute(GatedDeltaRule.Input in) {
    Tensor[] outputs = apply(DeltaArguments.tensors(in));
    return new GatedDeltaRule.Output(outputs[0], outputs[1]);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor[] fit = new Tensor[inputs.length];
    for (int i = 0; i < inputs.length; i++) {
      fit[i] =
          i <= DeltaArguments.V
              ? aligned(inputs[i])
              : i <= DeltaArguments.STRENGTH
                  ? VectorSize.fit(1, inputs[i])
                  : inputs[i].contiguous();
    }
    context.save(fit);
    GatedDeltaRule.Output output = launch(fit).forward();
    return new Tensor[] {output.y(), output.state()};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    Tensor[] saved = new Tensor[arguments.count()];
    Arrays.setAll(saved, context::saved);
    DeltaLaunch launch = launch(saved);
    @Nullable Tensor dLast = gradients.arrived(1) ? gradients.of(1).contiguous() : null;
    @Nullable Tensor dInitial =
        arguments.continued() && context.needsGrad(arguments.initialIndex())
            ? launch.state()
            : null;
    DeltaLaunch.Gradients found = launch.backward(aligned(gradients.of(0)), dLast, dInitial);
    gradients.give(DeltaArguments.Q, found.q());
    gradients.give(DeltaArguments.K, found.k());
    gradients.give(DeltaArguments.V, found.v());
    gradients.give(DeltaArguments.LOG, found.log());
    gradients.give(DeltaArguments.STRENGTH, found.strength());
    if (dInitial != null) {
      gradients.give(arguments.initialIndex(), dInitial);
    }
  }

  private DeltaLaunch launch(Tensor... inputs) {
    return new DeltaLaunch(kernels, tiles, arguments.input(inputs));
  }

  /** The tensor itself if all its rows can be copied 16 bytes at a time, else a copy. */
  private static Tensor aligned(Tensor tensor) {
    return VectorSize.fit((int) (ALIGNMENT / tensor.element_size()), tensor);
  }
}
