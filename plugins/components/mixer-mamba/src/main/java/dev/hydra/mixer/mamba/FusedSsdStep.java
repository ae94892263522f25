package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * One token of the SSD of each of several texts by a CUDA kernel, with the state changed in place.
 * Its twin is {@link Ssd#step(SsdInput)}.
 *
 * @param kernels its kernel
 */
record FusedSsdStep(Kernels kernels) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedSsdStep.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "ssd_step.cu"));

  /** Threads of a block, and the channels of it, as the program says. */
  private static final int THREADS = 128;

  private static final int SPAN = 16;

  private static final Set<ScalarType> KEPT =
      Set.of(ScalarType.Float, ScalarType.BFloat16, ScalarType.Half);

  private static final int STATE_STEP = 32;
  private static final int LARGEST_STATE = 256;

  /**
   * Chooses: gives the fused path on a CUDA device for the types and sizes of the kernel, if it is
   * to be used there.
   *
   * @param in a token of each row, with a state
   */
  static Optional<FusedSsdStep> of(SsdInput in) {
    long state = in.b().size(3);
    if (!in.x().is_cuda()
        || CustomFunction.isInlined()
        || !typesFit(in)
        || !rowsFit(in)
        || state % STATE_STEP != 0
        || state > LARGEST_STATE
        || in.x().size(2) > Grid.MOST_ROWS
        || in.x().size(0) > Grid.MOST_ROWS) {
      return Optional.empty();
    }
    Tensor kept = in.initial().orElseThrow();
    Map<String, Integer> macros =
        Map.of(
            "ELEMENT_BF16", is(ScalarType.BFloat16, in.x()),
            "INPUT_BF16", is(ScalarType.BFloat16, in.dt()),
            "KEPT_BF16", is(ScalarType.BFloat16, kept),
            "KEPT_FP16", is(ScalarType.Half, kept),
            "STATE", (int) state);
    return KERNELS.usable(in.x(), macros).map(FusedSsdStep::new);
  }

  private static int is(ScalarType type, Tensor tensor) {
    return Tensors.type(tensor) == type ? 1 : 0;
  }

  private static boolean typesFit(SsdInput in) {
    ScalarType type = Tensors.type(in.x());
    ScalarType steps = Tensors.type(in.dt());
    return (type == ScalarType.Float || type == ScalarType.BFloat16)
        && Tensors.type(in.b()) == type
        && Tensors.type(in.c()) == type
        && (steps == ScalarType.Float || steps == ScalarType.BFloat16)
        && Stream.of(in.decayLog(), in.bias(), in.skip())
            .allMatch(each -> Tensors.type(each) == ScalarType.Float && each.is_contiguous())
        && KEPT.contains(Tensors.type(in.initial().orElseThrow()))
        && in.initial().orElseThrow().is_contiguous();
  }

  /** Whether what each row has lies side by side. */
  private static boolean rowsFit(SsdInput in) {
    return Stream.of(in.x(), in.b(), in.c())
            .allMatch(each -> each.stride(3) == 1 && each.stride(2) == each.size(3))
        && in.dt().stride(2) == 1;
  }

  /**
   * Computes y [rows, 1, heads, headDim] of the input that it was chosen for, and changes the state
   * in place.
   */
  Ssd.Output compute(SsdInput in) {
    Tensor x = in.x();
    Tensor state = in.initial().orElseThrow();
    long rows = x.size(0);
    long heads = x.size(2);
    long headDim = x.size(3);
    Tensor y = empty(x, rows, 1, heads, headDim);
    kernels
        .get("ssd_step")
        .launch(
            new Grid((headDim + SPAN - 1) / SPAN, heads, rows, THREADS),
            x,
            x.stride(0),
            in.b(),
            in.b().stride(0),
            in.c(),
            in.c().stride(0),
            in.dt(),
            in.dt().stride(0),
            in.decayLog(),
            in.bias(),
            in.skip(),
            state,
            y,
            (int) heads,
            (int) headDim,
            (int) (heads / in.b().size(2)),
            (float) in.limits().low(),
            in.limits().high().map(Double::floatValue).orElse(Float.POSITIVE_INFINITY));
    return new Ssd.Output(y, state);
  }

  private static Tensor empty(Tensor like, long... sizes) {
    try (TensorOptions options = like.options()) {
      return torch.empty(sizes, options, null);
    }
  }
}
