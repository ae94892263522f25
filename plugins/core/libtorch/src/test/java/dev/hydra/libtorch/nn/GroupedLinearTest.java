package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GroupedLinearTest {
  /** The one operator and the loop are twins: results and both gradients. */
  @ParameterizedTest
  @CsvSource({"Float, 1e-5", "BFloat16, 2e-2"})
  void fusedEqualsLooped(ScalarType type, double bound) {
    try (PointerScope scope = new PointerScope()) {
      Tensor ends = Tensor.create(new int[] {0, 7, 7, 20, 21, 21}, 6);
      Tensor rows = torch.randn(21, 16).to(type);
      Tensor weights = torch.randn(6, 24, 16).to(type);
      Tensor direction = torch.randn(21, 24).to(type);
      Tensor[] fused = run(GroupedLinear::fused, rows, weights, ends, direction);
      Tensor[] looped = run(GroupedLinear::looped, rows, weights, ends, direction);
      for (int i = 0; i < fused.length; i++) {
        assertTrue(relative(fused[i], looped[i]) < bound, "result " + i);
      }
      for (long empty : new long[] {0, 2, 5}) {
        assertEquals(0, Tensors.number(fused[2].select(0, empty).abs().max()));
      }
    }
  }

  @FunctionalInterface
  private interface Product {
    Tensor apply(Tensor rows, Tensor weights, Tensor ends);
  }

  private static Tensor[] run(
      Product product, Tensor rows, Tensor weights, Tensor ends, Tensor direction) {
    Tensor x = rows.clone().set_requires_grad(true);
    Tensor w = weights.clone().set_requires_grad(true);
    Tensor y = product.apply(x, w, ends);
    y.mul(direction).sum().backward();
    return new Tensor[] {y, new Tensor(x.grad()), new Tensor(w.grad())};
  }

  private static double relative(Tensor actual, Tensor expected) {
    Tensor reference = expected.to(ScalarType.Double);
    return Tensors.number(actual.to(ScalarType.Double).sub(reference).norm())
        / Tensors.number(reference.norm());
  }
}
