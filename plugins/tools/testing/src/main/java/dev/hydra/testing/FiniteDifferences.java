package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;

/**
 * Compares gradients with central finite differences. Inputs are contiguous float64 leaves on the
 * CPU; their elements are moved in place and put back.
 */
public final class FiniteDifferences {
  private static final double STEP = 1e-5;
  private static final double TOLERANCE = 1e-7;
  private static final int SOME = 10;

  private FiniteDifferences() {}

  /**
   * Checks the gradient of every element of those inputs that need one, for a random weighted sum
   * of all outputs.
   */
  public static void checkFunction(UnaryOperator<Tensor[]> function, Tensor... inputs) {
    Tensor[] weights =
        Arrays.stream(function.apply(inputs))
            .map(output -> Samples.normal(Samples.sizes(output)))
            .toArray(Tensor[]::new);
    Tensor[] leaves = Arrays.stream(inputs).filter(Tensor::requires_grad).toArray(Tensor[]::new);
    check(() -> weightedSum(function.apply(inputs), weights), leaves);
  }

  /** Checks the gradient that a scalar has in every element of the leaves it is computed from. */
  public static void check(Supplier<Tensor> scalar, Tensor... leaves) {
    check(Integer.MAX_VALUE, scalar, leaves);
  }

  /** Does the same for ten random elements of each leaf, for scalars that are slow to compute. */
  public static void checkSome(Supplier<Tensor> scalar, Tensor... leaves) {
    check(SOME, scalar, leaves);
  }

  private static void check(int most, Supplier<Tensor> scalar, Tensor... leaves) {
    scalar.get().backward();
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < leaves.length; i++) {
      double[] gradient = Samples.numbers(leaves[i].grad());
      int[] elements =
          gradient.length <= most
              ? IntStream.range(0, gradient.length).toArray()
              : random.ints(most, 0, gradient.length).toArray();
      for (int element : elements) {
        double expected = slope(leaves[i], element, scalar);
        double tolerance = TOLERANCE * Math.max(1, Math.abs(expected));
        assertEquals(expected, gradient[element], tolerance, "leaf " + i + "[" + element + "]");
      }
    }
  }

  /** Computes how a scalar changes with one element of a leaf, counted through all dimensions. */
  public static double slope(Tensor leaf, long element, Supplier<Tensor> scalar) {
    try (PointerScope scope = new PointerScope()) {
      DoublePointer x = leaf.data_ptr_double().getPointer(element);
      double middle = x.get();
      try {
        x.put(middle + STEP);
        double above = value(scalar);
        x.put(middle - STEP);
        double below = value(scalar);
        return (above - below) / (2 * STEP);
      } finally {
        x.put(middle);
      }
    }
  }

  private static double value(Supplier<Tensor> scalar) {
    boolean recording = GradMode.is_enabled();
    GradMode.set_enabled(false);
    try {
      return scalar.get().item_double();
    } finally {
      GradMode.set_enabled(recording);
    }
  }

  private static Tensor weightedSum(Tensor[] outputs, Tensor[] weights) {
    Tensor sum = outputs[0].mul(weights[0]).sum();
    for (int o = 1; o < outputs.length; o++) {
      sum = sum.add(outputs[o].mul(weights[o]).sum());
    }
    return sum;
  }
}
