package dev.hydra.libtorch.autograd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Tensors for tests, and how to compare them. */
public final class Samples {
  private Samples() {}

  /** Normally distributed float64. */
  public static Tensor normal(long... sizes) {
    return torch.randn(sizes).to(ScalarType.Double);
  }

  /** Normally distributed float64 that needs a gradient. */
  public static Tensor parameter(long... sizes) {
    return normal(sizes).set_requires_grad(true);
  }

  /** A float64 vector. */
  public static Tensor vector(double... values) {
    return Tensor.create(values);
  }

  public static void assertClose(Tensor expected, Tensor actual, double tolerance) {
    assertArrayEquals(Tensors.sizes(expected), Tensors.sizes(actual), "shape");
    assertArrayEquals(Tensors.numbers(expected), Tensors.numbers(actual), tolerance);
  }

  public static void assertClose(Tensor expected, Tensor actual) {
    assertClose(expected, actual, 1e-12);
  }
}
