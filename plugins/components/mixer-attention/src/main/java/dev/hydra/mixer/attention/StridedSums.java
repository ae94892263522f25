package dev.hydra.mixer.attention;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * What tasks leave of the gradients of strided keys and values, to be added up in a fixed order by
 * the kernel of {@code strided_sums.cu}.
 *
 * @param pattern what is seen
 * @param tasks they
 * @param partials float32 [batch, heads, tasks, 2, tile, headDim]: of keys, of values
 */
record StridedSums(SparsePattern pattern, StridedTasks tasks, Tensor partials) {
  static final KernelSource SOURCE =
      KernelSource.of(
          StridedSums.class, "primitives.cu", "vectors.cu", "strided_keys.cu", "strided_sums.cu");

  /** Room for what tasks will leave, for sequences longer than the window. */
  static StridedSums of(SparsePattern pattern, Qkv x, boolean packed) {
    long batch = x.q().size(0);
    long heads = x.q().size(2);
    StridedTasks tasks = StridedTasks.of(pattern, x.time(), batch * heads, packed);
    long elements = (long) StridedKernels.TILE * x.q().size(3);
    return new StridedSums(
        pattern,
        tasks,
        Tensors.empty(x.q(), ScalarType.Float, batch, heads, tasks.count(), 2, elements));
  }

  /**
   * Adds what all tasks have left.
   *
   * @param kernels of a set with {@link #SOURCE}
   * @param starts the first token of each token's document, int64 [batch, time], if there are any
   * @param to the gradients through the windows, contiguous, changed in place
   */
  void addTo(Kernels kernels, Qkv x, @Nullable Tensor starts, Qkv to) {
    kernels
        .get("strided_backward_sums")
        .launch(
            new Grid(tasks.keys(), x.k().size(2), x.k().size(0), 2 * (int) x.k().size(3)),
            partials,
            starts,
            to.k(),
            to.v(),
            (int) x.time(),
            (int) x.q().size(2),
            x.shared(),
            pattern.window(),
            pattern.every(),
            tasks.firsts(),
            tasks.ofFirst(),
            tasks.ofOther(),
            tasks.count());
  }
}
