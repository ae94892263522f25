package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Sorts choices of experts by one CUDA kernel, where LibTorch takes eight. Its twin is {@link
 * ExpertDispatch#sorted}.
 *
 * @param kernels its kernels
 */
record FusedPlaces(Kernels kernels) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedPlaces.class, "primitives.cu", "dependent_launch.cu", "expert_places.cu"));

  private static final long MOST_EXPERTS = 256;

  /** One block reads the choices once for every expert: with more of both, sorting is faster. */
  private static final long MOST_COMPARED = 1 << 19;

  private static final int THREADS = 1024;

  /**
   * Chooses: gives the fused path where choices are on a CUDA device, few enough, and kernels are
   * to be used there.
   */
  static Optional<FusedPlaces> of(Tensor chosen, long experts) {
    if (!chosen.is_cuda()
        || CustomFunction.isInlined()
        || experts > MOST_EXPERTS
        || chosen.numel() * (experts + 1) > MOST_COMPARED) {
      return Optional.empty();
    }
    return KERNELS.usable(chosen, Map.of()).map(FusedPlaces::new);
  }

  /** Computes {@link ExpertDispatch#sorted}. */
  ExpertDispatch sort(Tensor chosen, int experts, int span) {
    Tensor pairs = chosen.contiguous();
    int count = (int) pairs.numel();
    Tensor order = Tensors.empty(pairs, ScalarType.Long, count);
    Tensor places = Tensors.empty(pairs, ScalarType.Long, count);
    Tensor ends = Tensors.empty(pairs, ScalarType.Int, experts);
    kernels
        .get("expert_places")
        .launch(Grid.of(1, THREADS), pairs, order, places, ends, count, experts, span);
    return new ExpertDispatch(order, places, ends, (int) chosen.size(1), span);
  }
}
