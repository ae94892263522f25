package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.runtime.WeightCopies;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Linear maps of groups of rows, each group by a matrix of its own. */
public final class GroupedLinear {
  /** The bytes that a row of each operand of LibTorch's grouped product must be a multiple of. */
  private static final long ALIGNMENT = 16;

  /** LibTorch's grouped product on CUDA takes fewer groups than this. */
  private static final long CUDA_GROUPS = 1024;

  /** So many rows may be computed one by one. */
  private static final long MOST_SINGLE_ROWS = 256;

  /** Elements of the matrices that are copied for it, at most. */
  private static final long MOST_GATHERED = 1L << 26;

  private GroupedLinear() {}

  /**
   * Computes {@code rows W_g^T} for the rows of each group g. What LibTorch has no operator for is
   * computed by kernels on CUDA: float32, matrices with a side that is not a multiple of 16 bytes,
   * and 1,024 groups or more. Float64 goes group by group, and all of this where kernels are not
   * used; on CUDA that waits for {@code ends}, unless it is a few rows without gradient.
   *
   * @param rows [rows, in], group after group
   * @param weights [groups, out, in]
   * @param ends int32 [groups]: where each group ends; a group may be empty
   * @return [rows, out]
   */
  public static Tensor apply(Tensor rows, Tensor weights, Tensor ends) {
    boolean few = !GradMode.is_enabled() && rows.size(0) <= MOST_SINGLE_ROWS;
    if (few && !rows.is_cuda() && rows.size(0) <= weights.size(0)) {
      return looped(rows, weights, ends); // on a CPU, products of one row are faster one by one
    }
    if (supported(weights)) {
      return fused(rows, weights, ends);
    }
    if (few
        && rows.is_cuda()
        && rows.size(0) * weights.size(1) * weights.size(2) <= MOST_GATHERED) {
      return gathered(rows, weights, ends);
    }
    return FusedGrouped.of(rows, weights)
        .map(fused -> fused.product(rows, weights, ends))
        .orElseGet(() -> looped(rows, weights, ends));
  }

  /**
   * Computes the same of what need not be kept for backward, see {@link LinearInput}.
   *
   * @param span what the ends of groups are multiples of
   */
  static Tensor apply(LinearInput rows, Tensor weights, Tensor ends, int span) {
    Optional<GroupedProduct> product = chunks(weights, rows.rows(), span).map(GroupedProduct::new);
    if (rows.isRecomputed(weights) && supported(weights)) {
      return rows.mapped(
          product
              .or(() -> inParts(rows.rows(), weights))
              .orElseGet(() -> new GroupedProduct(GroupedProduct.Products.LIBTORCH)),
          weights,
          ends);
    }
    return product
        .map(each -> each.apply(rows.tensor(), weights, ends)[0])
        .orElseGet(() -> apply(rows.tensor(), weights, ends));
  }

  /** Gives the kernels for groups of whole chunks, where they are to be used. */
  static Optional<ChunkProducts> chunks(Tensor weights, long rows, int span) {
    return supported(weights) ? ChunkProducts.of(weights, rows, span) : Optional.empty();
  }

  /**
   * Computes each row by a copy of its group's matrix: the host does not wait for {@code ends}, as
   * where single tokens are decoded in a captured step.
   */
  static Tensor gathered(Tensor rows, Tensor weights, Tensor ends) {
    try (StringViewOptional side = new StringViewOptional();
        TensorOptional sorter = new TensorOptional();
        Scalar last = new Scalar(weights.size(0) - 1)) {
      Tensor numbers = Tensors.range(0, rows.size(0), rows).to(ScalarType.Int);
      Tensor groups = torch.searchsorted(ends, numbers, false, true, side, sorter).clamp_max(last);
      Tensor matrices = weights.index_select(0, groups);
      return matrices.bmm(rows.unsqueeze(-1)).squeeze(-1);
    }
  }

  private static boolean supported(Tensor weights) {
    long size = weights.element_size();
    ScalarType type = Tensors.type(weights);
    boolean grouped =
        weights.is_cuda()
            ? type == ScalarType.BFloat16 && weights.size(0) < CUDA_GROUPS
            : type != ScalarType.Double;
    return grouped
        && WeightCopies.stack(weights).isEmpty()
        && weights.size(1) * size % ALIGNMENT == 0
        && weights.size(2) * size % ALIGNMENT == 0;
  }

  /** Computes by one operator for all groups; on CUDA the host does not wait for {@code ends}. */
  static Tensor fused(Tensor rows, Tensor weights, Tensor ends) {
    return inParts(rows.size(0), weights)
        .map(product -> product.apply(rows, weights, ends)[0])
        .orElseGet(() -> GroupedProduct.Products.LIBTORCH.forward(rows, weights, ends));
  }

  /** That operator with gradients by parts of groups, where it takes more than one. */
  private static Optional<GroupedProduct> inParts(long rows, Tensor weights) {
    return RowParts.of(weights)
        .map(cutter -> inParts(cutter, rows, weights))
        .filter(product -> product.parts() > 1);
  }

  private static GroupedProduct inParts(RowParts cutter, long rows, Tensor weights) {
    int parts =
        RowParts.count(
            weights.size(0),
            rows,
            weights.size(1),
            weights.size(2),
            cutter.kernels().gpu().multiprocessors());
    return new GroupedProduct(
        GroupedProduct.Products.LIBTORCH, parts, ends -> cutter.ends(ends, parts));
  }

  /**
   * Computes group by group, which needs {@code ends} on the host. LibTorch's own operator does the
   * same in float32 on CUDA, and would not say why that cannot be captured in a graph.
   */
  static Tensor looped(Tensor rows, Tensor weights, Tensor ends) {
    long[] counts = Tensors.integers(ends);
    for (int group = counts.length - 1; group > 0; group--) {
      counts[group] -= counts[group - 1];
    }
    TensorVector groups = rows.split_with_sizes(counts);
    WeightCopies.OfStack matrices = WeightCopies.stack(weights).orElseGet(() -> plain(weights));
    List<Tensor> results = new ArrayList<>();
    for (int group = 0; group < counts.length; group++) {
      if (counts[group] > 0) {
        results.add(matrices.product(groups.get(group), group));
      }
    }
    return Tensors.cat(0, results.toArray(Tensor[]::new));
  }

  private static WeightCopies.OfStack plain(Tensor weights) {
    TensorVector matrices = weights.unbind(0);
    return (x, i) -> Tensors.linear(x, matrices.get(i));
  }
}
