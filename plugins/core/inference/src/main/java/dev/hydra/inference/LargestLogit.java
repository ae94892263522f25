package dev.hydra.inference;

import dev.hydra.libtorch.kernels.Kernel;
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
 * Finds the token with the largest logit by the CUDA kernels of {@code largest_logit.cu}, where
 * LibTorch's operators go through a row with one block, several times. Its twin is in {@link
 * Sampler}.
 *
 * @param kernels they
 */
record LargestLogit(Kernels kernels) {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              LargestLogit.class,
              "primitives.cu",
              "dependent_launch.cu",
              "vectors.cu",
              "ranks.cu",
              "largest_logit.cu"));

  /** Threads of a block, and parts of a row, as the program says. */
  private static final int THREADS = 256;

  private static final int PARTS = 64;
  private static final int WARP = 32;

  /**
   * Chooses: gives the kernels for logits on a CUDA device, if they are to be used there.
   *
   * @param logits [rows, vocabulary]
   */
  static Optional<LargestLogit> of(Tensor logits) {
    ScalarType type = Tensors.type(logits);
    if (!logits.is_cuda()
        || !(type == ScalarType.Float || type == ScalarType.BFloat16)
        || logits.numel() == 0
        || logits.size(0) > Grid.MOST_ROWS
        || logits.size(1) > Integer.MAX_VALUE / 2
        || logits.stride(1) != 1) {
      return Optional.empty();
    }
    int bfloat16 = type == ScalarType.BFloat16 ? 1 : 0;
    return KERNELS.usable(logits, Map.of("ELEMENT_BF16", bfloat16)).map(LargestLogit::new);
  }

  /** Finds int64 [rows]; {@link Sampler#NOT_FINITE} where a logit is NaN or infinite. */
  Tensor find(Tensor logits) {
    long rows = logits.size(0);
    Tensor keys = Tensors.empty(logits, ScalarType.Long, rows, PARTS);
    kernels
        .get("largest_of_part")
        .launch(
            new Grid(PARTS, rows, 1, THREADS), Kernel.strided(logits), (int) logits.size(1), keys);
    Tensor tokens = Tensors.empty(logits, ScalarType.Long, rows);
    kernels.get("largest_of_row").launch(Grid.of(rows, WARP), keys, tokens);
    return tokens;
  }
}
