package dev.hydra.tck;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Edge;
import org.bytedeco.pytorch.Node;
import org.bytedeco.pytorch.Tensor;

/**
 * Counts the floating point operations of a forward from the graph that LibTorch has recorded of
 * it: its nodes say which operator ran, and their edges how large its operands were. What needs no
 * gradient is not in the graph and not counted.
 *
 * @param products those of products and of attention; a multiply-add counts as two
 * @param others one for every element that another operator reads or writes, whichever are more;
 *     infinite where the graph does not show how much an operator computes
 */
record RecordedFlops(double products, double others) {
  /** Takes the place of what the graph does not show. */
  private static final double UNSEEN = Double.POSITIVE_INFINITY;

  /**
   * An operator changed a part of a tensor: its operands follow the tensor. Which one it was and
   * how large the part is are not to be seen. So a product written this way is one of the others,
   * and so is what may be one, as if it were written to the whole.
   */
  private static final String WRITTEN = "CopySlices";

  /** They compute more for an element than others; how much, shapes alone do not say. */
  private static final Set<String> LARGE =
      Set.of("Addbmm", "Cdist", "EuclideanDist", "SparseAddmm", "TriangularSolve", "Trilinear");

  /** They move or choose elements, and compute nothing. */
  private static final Set<String> MOVES =
      Set.of(
          "Alias",
          "AsStrided",
          "Cat",
          "Clone",
          "ConstantPadNd",
          "Copy",
          "Embedding",
          "Expand",
          "Flip",
          "Gather",
          "Index",
          "IndexCopy",
          "IndexPut",
          "IndexSelect",
          "MaskedFill",
          "Narrow",
          "Permute",
          "Repeat",
          "ReshapeAlias",
          "Scatter",
          "Select",
          "Slice",
          "Split",
          "SplitWithSizes",
          "Squeeze",
          "Stack",
          "T",
          "ToCopy",
          "Topk",
          "Transpose",
          "Unbind",
          "Unsqueeze",
          "UnsafeSplit",
          "UnsafeView",
          "View",
          "Where");

  /** Counts what leads to a result, custom functions included. */
  static RecordedFlops of(Supplier<Tensor> forward) {
    double[] sums = new double[2];
    Scopes.run(
        () -> {
          Tensor[] result = new Tensor[1];
          CustomFunction.inlined(() -> result[0] = forward.get());
          if (result[0].requires_grad()) {
            count(result[0].grad_fn(), sums);
          } else {
            sums[1] = UNSEEN;
          }
        });
    return new RecordedFlops(sums[0], sums[1]);
  }

  double all() {
    return products + others;
  }

  private static void count(Node last, double[] sums) {
    Deque<Node> open = new ArrayDeque<>();
    Set<Long> known = new HashSet<>();
    open.push(last);
    while (!open.isEmpty()) {
      Node node = open.pop();
      if (node.isNull() || !known.add(node.address())) {
        continue;
      }
      long[][] operands = new long[node.num_outputs()][];
      for (int i = 0; i < operands.length; i++) {
        Edge edge = node.next_edge(i);
        operands[i] = edge.is_valid() ? shape(edge.function(), edge.input_nr()) : new long[0];
        if (edge.is_valid()) {
          open.push(edge.function());
        }
      }
      add(node, operands, sums);
    }
  }

  private static void add(Node node, long[][] operands, double[] sums) {
    String name = node.name().getString().replaceFirst(".*::", "");
    if (name.equals(WRITTEN)) {
      sums[1] +=
          operands.length > 2 && mayBeProduct(operands[1], operands[2])
              ? 2 * elements(shape(node, 0)) * joined(operands[1], operands[2])
              : largest(Arrays.copyOfRange(operands, 1, operands.length));
      return;
    }
    String operator = name.replaceFirst("Backwards?\\d*$", "");
    if (operator.equals(name)) { // it has no derivative, or is a leaf
      sums[1] += operands.length > 0 ? UNSEEN : 0;
      return;
    }
    if (MOVES.contains(operator)) {
      return;
    }
    double results = 0;
    for (int i = 0; i < node.num_inputs(); i++) {
      results += elements(shape(node, i));
    }
    double inner = inner(operator, operands);
    if (inner == UNSEEN) {
      sums[1] = UNSEEN;
    } else if (inner > 0) {
      sums[0] += 2 * results * inner;
    } else {
      sums[1] += Math.max(results, largest(operands));
    }
  }

  private static double largest(long[][] operands) {
    return Arrays.stream(operands).mapToDouble(RecordedFlops::elements).max().orElse(0);
  }

  /** How many products are added up for one element of the result; 0 of operators that add none. */
  private static double inner(String operator, long[][] operands) {
    return switch (operator) {
      case "Mm", "Bmm", "Addmm", "Baddbmm", "GroupedMm", "Mv", "Addmv", "Dot" ->
          joined(operands[operands.length - 2], operands[operands.length - 1]);
      case "LinalgSolveTriangular" -> joined(operands[0], operands[1]) / 2;
      case "Convolution" ->
          operands[1].length > 0 ? elements(operands[1]) / operands[1][0] : UNSEEN;
      case "ScaledDotProductFlashAttentionForCpu" ->
          operands[1].length > 0 ? 2.0 * operands[1][operands[1].length - 2] : UNSEEN;
      default -> isLarge(operator) ? UNSEEN : 0;
    };
  }

  private static boolean isLarge(String operator) {
    return LARGE.contains(operator)
        || operator.startsWith("Fft")
        || (operator.startsWith("Linalg") && !operator.equals("LinalgVectorNorm"));
  }

  /** Whether there can be a product of two factors, of which one may not be in the graph. */
  private static boolean mayBeProduct(long[] left, long[] right) {
    if (left.length == 0 || right.length == 0) {
      return Math.max(left.length, right.length) != 1;
    }
    return left.length >= 2
        && right.length == left.length
        && left[left.length - 1] == right[right.length - 2];
  }

  /** The dimension that a product of matrices sums over: factors may not be in the graph. */
  private static double joined(long[] left, long[] right) {
    if (left.length > 0) {
      return left[left.length - 1];
    }
    return right.length > 0 ? right[Math.max(0, right.length - 2)] : UNSEEN;
  }

  private static double elements(long[] shape) {
    return Arrays.stream(shape).asDoubleStream().reduce(1, (a, b) -> a * b);
  }

  private static long[] shape(Node node, int input) {
    return Tensors.sizes(node.input_metadata(input).zeros_like());
  }
}
