package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Computes the loss of logits and, in their place, its gradient by a CUDA kernel. The twin of a
 * {@link LinearLoss} with it is {@link LinearCrossEntropy#plain}.
 *
 * @param kernel the kernel
 * @param layout how it finds the logits
 * @param scale what logits are multiplied by
 */
record FusedCrossEntropy(Kernel kernel, Layout layout, double scale) implements LogitsLoss {
  private static final KernelSet KERNELS =
      KernelSet.of(
          KernelSource.of(
              FusedCrossEntropy.class, "primitives.cu", "vectors.cu", "cross_entropy.cu"));

  /** Bytes that a thread accesses at once. */
  private static final int ACCESS = 16;

  /** Rows up to so many bytes are taken two at a time by a multiprocessor, longer ones alone. */
  private static final long SHORT_ROW = 113 << 10;

  private static final long SHORT_CACHE = (223 << 10) / 2;
  private static final long LONG_CACHE = 225 << 10;
  private static final int SHORT_THREADS = 512;
  private static final int LONG_THREADS = 1024;

  /** Shared memory that a block takes beside the logits it keeps. */
  private static final long OWN = 2 << 10;

  /**
   * How rows of logits lie and are cut.
   *
   * @param row elements from a row to the next
   * @param vector elements that a thread accesses at once
   * @param threads threads of a block
   * @param cached logits of a row that are kept in shared memory
   */
  record Layout(long row, int vector, int threads, int cached) {
    /** The best layout of rows of so many classes. */
    static Layout of(long classes, int elementSize, long sharedBytes) {
      int vector = ACCESS / elementSize;
      boolean small = classes * elementSize <= SHORT_ROW;
      long room =
          small
              ? Math.min(SHORT_CACHE, sharedBytes / 2 - OWN)
              : Math.min(LONG_CACHE, sharedBytes - OWN);
      long cached = Math.min(classes, room / elementSize) / vector * vector;
      long row = (classes + vector - 1) / vector * vector;
      return new Layout(row, vector, small ? SHORT_THREADS : LONG_THREADS, (int) cached);
    }
  }

  /**
   * Chooses: gives the fused path if the tensors are on a CUDA device, in one type of the kernels,
   * and these are to be used there ({@link KernelMode}).
   *
   * @throws dev.hydra.libtorch.kernels.KernelException if they cannot be compiled and the mode
   *     insists on them
   */
  static Optional<LogitsLoss> of(Tensor hidden, Tensor weight, double scale) {
    ScalarType type = Tensors.type(hidden);
    if (!hidden.is_cuda()
        || KernelMode.current() == KernelMode.PLAIN
        || CustomFunction.isInlined()
        || (type != ScalarType.Float && type != ScalarType.BFloat16)
        || Tensors.type(weight) != type
        || hidden.numel() == 0) {
      return Optional.empty();
    }
    Layout layout =
        Layout.of(weight.size(0), (int) hidden.element_size(), Gpu.of(hidden).sharedBytes());
    Map<String, Integer> macros =
        Map.of(
            "ELEMENT_BF16", type == ScalarType.BFloat16 ? 1 : 0,
            "VECTOR", layout.vector(),
            "THREADS", layout.threads(),
            "CACHED", layout.cached());
    return KERNELS
        .usable(hidden, macros)
        .map(FusedCrossEntropy::kernel)
        .filter(Kernel::fits)
        .map(kernel -> new FusedCrossEntropy(kernel, layout, scale));
  }

  private static Kernel kernel(Kernels kernels) {
    return kernels.get("cross_entropy");
  }

  /** Rows begin where whole vectors do. */
  @Override
  public Tensor room(Tensor rows, long classes) {
    Tensor whole = Tensors.empty(rows, Tensors.type(rows), rows.size(0), layout.row());
    return Tensors.slice(whole, 1, 0, classes);
  }

  @Override
  public Tensor compute(Tensor logits, Tensor targets, Tensor factor, boolean gradient) {
    Tensor losses = Tensors.empty(logits, ScalarType.Float, logits.size(0));
    kernel.launch(
        Grid.of(logits.size(0), layout.threads()),
        logits,
        layout.row(),
        targets,
        LinearCrossEntropy.IGNORED,
        (float) scale,
        0f,
        factor,
        losses,
        null,
        (int) logits.size(1),
        gradient ? layout.cached() : 0,
        gradient ? 1 : 0);
    return losses;
  }
}
