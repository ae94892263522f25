package dev.hydra.libtorch.products;

import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.runtime.WeightCopies;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;

/**
 * Multiplies matrices for linear maps and their gradients. In bfloat16 on CUDA cuBLAS takes the
 * algorithm that was measured to be the fastest, where LibTorch takes what cuBLAS guesses to be:
 * what PyTorch calls TunableOp. Only algorithms that give LibTorch's bits are chosen from.
 */
public final class Products {
  private static final System.Logger LOG = System.getLogger(Products.class.getName());

  /** Keeps LibTorch's own choice if it is false, to compare. */
  private static final boolean TUNABLE =
      Boolean.parseBoolean(System.getProperty("hydra.products.tunable", "true"));

  /** Whether cublasLt has failed, which it would again. */
  private static final AtomicBoolean FAILED = new AtomicBoolean();

  private Products() {}

  /** Computes {@code x W^T}: [..., in] by weight [out, in]. */
  public static Tensor linear(Tensor x, Tensor weight) {
    if (!isTunable(x) || WeightCopies.isTaken(x, weight)) {
      return Tensors.linear(x, weight);
    }
    long[] sizes = Tensors.sizes(x);
    sizes[sizes.length - 1] = weight.size(0);
    return mm(x.reshape(-1, x.size(-1)), weight.t()).view(sizes);
  }

  /** Computes {@code left right}: [n, k] by [k, m] is [n, m]. */
  public static Tensor mm(Tensor left, Tensor right) {
    if (!isTunable(left)) {
      return left.mm(right);
    }
    Tensor to = Tensors.empty(left, Tensors.type(left), left.size(0), right.size(1));
    multiply(left, right, to, false);
    return to;
  }

  /**
   * Computes {@code to = left right} or {@code to += left right}; of no product that is recorded.
   *
   * @param left [n, k]
   * @param right [k, m]
   * @param to [n, m]
   * @param adds whether it is added to what is there
   */
  public static void multiply(Tensor left, Tensor right, Tensor to, boolean adds) {
    boolean done =
        isTunable(left)
            && ProductShape.of(left, right, to, adds)
                .filter(shape -> isComputed(shape, left, right, to))
                .isPresent();
    if (!done) {
      ProductTuner.multiply(left, right, to, adds);
    }
  }

  private static boolean isTunable(Tensor left) {
    return TUNABLE
        && left.is_cuda()
        && !GradMode.is_enabled()
        && KernelMode.current() != KernelMode.PLAIN;
  }

  private static boolean isComputed(ProductShape shape, Tensor left, Tensor right, Tensor to) {
    KernelMode mode = KernelMode.current();
    if (FAILED.get() && mode != KernelMode.FUSED) {
      return false;
    }
    try {
      return TunedProducts.on(Gpu.of(left)).multiply(shape, left, right, to);
    } catch (CublasException e) {
      if (mode == KernelMode.FUSED) {
        throw e;
      }
      if (FAILED.compareAndSet(false, true)) {
        LOG.log(
            System.Logger.Level.WARNING,
            "matrix products go by LibTorch's choice of algorithms, which is slower: "
                + e.getMessage());
      }
      return false;
    }
  }
}
