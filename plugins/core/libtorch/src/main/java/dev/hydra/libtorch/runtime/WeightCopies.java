package dev.hydra.libtorch.runtime;

import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Copies of matrices in a form by which few rows are multiplied faster. While they are {@link #use
 * used}, products of the thread go by them. The matrices must not change meanwhile.
 */
public abstract class WeightCopies implements AutoCloseable {
  /** Of fewer numbers than this, a product is faster without the host's work for a copy. */
  private static final long LEAST = 1 << 14;

  /** Of so many numbers, a product of one row is faster with all threads. */
  private static final long LARGE = 3 << 18;

  private static final ThreadLocal<WeightCopies> USED = new ThreadLocal<>();

  /** Products go by the copies until it is closed. */
  public interface Use extends AutoCloseable {
    @Override
    void close();
  }

  /** The copy of a matrix W [out, in]. */
  interface Copy extends AutoCloseable {
    /** Says whether products of so many rows go by the copy. */
    boolean takes(long rows);

    /**
     * Computes {@code x W^T (+ b)}.
     *
     * @param x [..., in]
     */
    Tensor product(Tensor x, @Nullable Tensor bias);

    @Override
    void close();
  }

  /** The products of a stack of matrices. */
  public interface OfStack {
    /** Computes {@code x W_i^T}. */
    Tensor product(Tensor x, int i);
  }

  WeightCopies() {}

  /** Says whether products by a matrix or a stack of them [n, out, in] gain from copies. */
  static boolean gains(Tensor tensor) {
    return Tensors.type(tensor) == ScalarType.BFloat16
        && (tensor.dim() == 2 || tensor.dim() == 3)
        && tensor.size(-1) * tensor.size(-2) >= LEAST;
  }

  /** Says whether products of one row by a matrix are faster with all threads. */
  static boolean isLarge(Tensor matrix) {
    return matrix.size(-1) * matrix.size(-2) >= LARGE;
  }

  /** Lets the products of this thread go by the copies. */
  public final Use use() {
    WeightCopies before = USED.get();
    USED.set(this);
    return () -> USED.set(before);
  }

  /**
   * Returns the copy of a matrix, or those of the matrices of a stack; nothing if there are none.
   */
  abstract Optional<List<Copy>> copies(Tensor weight);

  /**
   * Returns the copy of matrices of the same inputs, one under another; nothing if there is none.
   */
  abstract Optional<Copy> joint(List<Tensor> weights);

  /** Says whether x [..., in] is multiplied by a copy of a matrix, not by the matrix itself. */
  public static boolean isTaken(Tensor x, Tensor weight) {
    return used(weight).filter(copies -> copies.get(0).takes(rows(x))).isPresent();
  }

  /**
   * Computes {@code x W^T (+ b)}, if there is a copy of W that is to be used.
   *
   * @param x [..., in]
   * @param weight [out, in]
   */
  static Optional<Tensor> product(Tensor x, Tensor weight, @Nullable Tensor bias) {
    return used(weight)
        .map(copies -> copies.get(0))
        .filter(copy -> copy.takes(rows(x)))
        .map(copy -> copy.product(x, bias));
  }

  /**
   * Computes {@code x W_i^T (+ b_i)} of several matrices as one product, if there is a copy of them
   * that is to be used.
   *
   * @param x [..., in]
   * @param weights [out_i, in] each
   * @param biases of all, or none
   * @return [..., the sum of all out_i]
   */
  public static Optional<Tensor> joint(Tensor x, List<Tensor> weights, List<Tensor> biases) {
    WeightCopies used = USED.get();
    return used == null
        ? Optional.empty()
        : used.joint(weights)
            .filter(copy -> copy.takes(rows(x)))
            .map(copy -> copy.product(x, biases.isEmpty() ? null : joined(biases)));
  }

  /** Puts tensors one under another. */
  static Tensor joined(List<Tensor> tensors) {
    return Tensors.cat(0, tensors.toArray(Tensor[]::new));
  }

  /**
   * Returns the products of a stack of matrices, if there are copies of them to be used: without
   * them, an operator that computes all together is faster.
   *
   * @param stack [n, out, in]
   */
  public static Optional<OfStack> stack(Tensor stack) {
    return used(stack)
        .map(
            copies ->
                (x, i) ->
                    copies.get(i).takes(rows(x))
                        ? copies.get(i).product(x, null)
                        : Tensors.linear(x, stack.select(0, i)));
  }

  private static long rows(Tensor x) {
    return x.numel() / x.size(-1);
  }

  private static Optional<List<Copy>> used(Tensor weight) {
    WeightCopies used = USED.get();
    return used == null ? Optional.empty() : used.copies(weight);
  }

  @Override
  public abstract void close();
}
