package dev.hydra.libtorch.products;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A product of matrices in bfloat16 as cuBLAS is asked for it. To cuBLAS matrices lie column by
 * column, so that the right one of two that lie row by row is its first, A [m, k], the left one its
 * second, B [k, n], and the result C [m, n].
 *
 * @param m columns of the result
 * @param n rows of the result
 * @param k what is summed over
 * @param transposedA whether A lies row by row
 * @param transposedB whether B lies row by row
 * @param lda elements from a column (if transposed, row) of A to the next
 * @param ldb those of B
 * @param ldc those of C
 * @param adds whether it is added to what C holds (beta 1)
 * @param alignment bytes of which all addresses are multiples, {@link #ALIGNED} or {@link #LEAST}
 */
record ProductShape(
    long m,
    long n,
    long k,
    boolean transposedA,
    boolean transposedB,
    long lda,
    long ldb,
    long ldc,
    boolean adds,
    int alignment) {
  /** Products of less work take too little time to gain from another algorithm. */
  private static final double LEAST_FLOPS = 1e10;

  /** What cuBLAS makes use of. */
  static final int ALIGNED = 256;

  /** What its fast kernels need, in bytes: of addresses, and from a column to the next. */
  static final int LEAST = 16;

  private static final int STEP = LEAST / Short.BYTES;

  /**
   * Describes {@code to = left right} or {@code to += left right}.
   *
   * @param left [n, k], lying in rows or in columns
   * @param right [k, m], likewise
   * @param to [n, m], lying in rows
   * @return nothing if it is not worth it, or not for the fast kernels: another type than bfloat16,
   *     rows that do not begin at multiples of 16 bytes
   */
  static Optional<ProductShape> of(Tensor left, Tensor right, Tensor to, boolean adds) {
    if (!isMatrix(left) || !isMatrix(right) || !isMatrix(to)) {
      return Optional.empty();
    }
    boolean transposedA = right.stride(1) != 1;
    boolean transposedB = left.stride(1) != 1;
    ProductShape shape =
        new ProductShape(
            right.size(1),
            left.size(0),
            left.size(1),
            transposedA,
            transposedB,
            right.stride(transposedA ? 1 : 0),
            left.stride(transposedB ? 1 : 0),
            to.stride(0),
            adds,
            alignment(left, right, to));
    boolean fits =
        right.size(0) == shape.k
            && to.size(0) == shape.n
            && to.size(1) == shape.m
            && to.stride(1) == 1
            && right.stride(transposedA ? 0 : 1) == 1
            && left.stride(transposedB ? 0 : 1) == 1;
    return Optional.of(shape).filter(each -> fits && each.isWorthwhile());
  }

  private static boolean isMatrix(Tensor tensor) {
    return tensor.dim() == 2 && Tensors.type(tensor) == ScalarType.BFloat16;
  }

  private static int alignment(Tensor... all) {
    long bits = ALIGNED;
    for (Tensor each : all) {
      try (Pointer data = each.data_ptr()) {
        bits |= data.address();
      }
    }
    long common = Long.lowestOneBit(bits);
    return common >= ALIGNED ? ALIGNED : common >= LEAST ? LEAST : 0;
  }

  private boolean isWorthwhile() {
    return flops() >= LEAST_FLOPS
        && alignment >= LEAST
        && m % STEP == 0
        && lda % STEP == 0
        && ldb % STEP == 0
        && ldc % STEP == 0
        && lda >= (transposedA ? k : m)
        && ldb >= (transposedB ? n : k)
        && ldc >= m;
  }

  /** Returns its multiplications and additions. */
  double flops() {
    return 2.0 * m * n * k;
  }

  /** Says all of it, such as {@code TN 8512x8192x2048 ld 2048,2048,8512 beta 0 align 256}. */
  @Override
  public String toString() {
    return (transposedA ? "T" : "N")
        + (transposedB ? "T " : "N ")
        + (m + "x" + n + "x" + k)
        + (" ld " + lda + "," + ldb + "," + ldc)
        + (" beta " + (adds ? 1 : 0))
        + (" align " + alignment);
  }
}
