package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Makes float64 tensors for tests and compares them. */
public final class Samples {
  private Samples() {}

  /** Draws from the normal distribution; the same in every run below {@link InScope}. */
  public static Tensor normal(long... sizes) {
    return torch.randn(sizes).to(ScalarType.Double);
  }

  /** Draws a leaf that needs a gradient from the normal distribution. */
  public static Tensor parameter(long... sizes) {
    return normal(sizes).set_requires_grad(true);
  }

  /** Makes a vector. */
  public static Tensor vector(double... values) {
    return Tensor.create(values);
  }

  /** Fails unless two tensors have one shape and every element is as near as {@code tolerance}. */
  public static void assertClose(Tensor expected, Tensor actual, double tolerance) {
    assertArrayEquals(sizes(expected), sizes(actual), "shape");
    assertArrayEquals(numbers(expected), numbers(actual), tolerance);
  }

  /** Fails unless two tensors have one shape and every element is as near as 1e-12. */
  public static void assertClose(Tensor expected, Tensor actual) {
    assertClose(expected, actual, 1e-12);
  }

  /** Rounds values to bfloat16: float64 ones that it holds exactly. */
  public static Tensor rounded(Tensor values) {
    return rounded(values, ScalarType.BFloat16);
  }

  /** Rounds values to a type: float64 ones that it holds exactly. */
  public static Tensor rounded(Tensor values, ScalarType type) {
    return values.to(type).to(ScalarType.Double);
  }

  /** Makes a leaf that needs a gradient, of these values. */
  public static Tensor leaf(Tensor values, Device device, ScalarType type) {
    return values.to(device, type).clone().detach().set_requires_grad(true);
  }

  /**
   * Fails unless the norm of the difference of two tensors is at most {@code bound} times the norm
   * of the expected one.
   */
  public static void assertNear(String what, Tensor expected, Tensor actual, double bound) {
    double norm = numbers(expected.norm())[0];
    double error = numbers(actual.sub(expected).norm())[0];
    assertTrue(error <= bound * norm, what + " is off by " + error / norm); // false for NaN too
  }

  static double[] numbers(Tensor tensor) {
    Tensor dense = tensor.is_sparse() ? tensor.to_dense() : tensor;
    Tensor flat = dense.detach().cpu().to(ScalarType.Double).contiguous().view(-1);
    double[] values = new double[(int) flat.numel()];
    if (values.length > 0) {
      flat.data_ptr_double().get(values);
    }
    return values;
  }

  static long[] sizes(Tensor tensor) {
    long[] sizes = new long[(int) tensor.dim()];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = tensor.size(i);
    }
    return sizes;
  }
}
