package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The fused kernel and its plain twin. */
class BlockKernelTest {
  private static final double SCALE = 0.7;

  /** Row 0 of each block sees nothing, the others see about half of the keys. */
  @ParameterizedTest
  @CsvSource({"Double, 1e-12", "Float, 1e-4"})
  void fusedEqualsPlain(ScalarType type, double tolerance) {
    try (PointerScope scope = new PointerScope()) {
      Tensor q = Trial.random(1, 3, 2, 70, 5).to(type);
      Tensor k = Trial.random(2, 3, 2, 600, 5).to(type);
      Tensor v = Trial.random(3, 3, 2, 600, 5).to(type);
      Tensor some = Positions.from(Tensors.mul(Trial.random(4, 3, 1, 69, 600), 4), 0);
      Tensor visible = Tensors.cat(2, Tensors.zeros(some, ScalarType.Bool, 3, 1, 1, 600), some);
      BlockKernel fused = new FusedKernel(SCALE);
      BlockKernel plain = new PlainKernel(SCALE, Optional.empty());

      Tensor[] expected = plain.forward(q, k, v, visible);
      Tensor[] actual = fused.forward(q, k, v, visible);
      near(expected[0], actual[0], tolerance);
      Tensor blind = Tensors.slice(actual[1], 2, 0, 1);
      assertTrue(blind.isneginf().all().item_bool());
      near(Tensors.slice(expected[1], 2, 1, 70), Tensors.slice(actual[1], 2, 1, 70), tolerance);
      assertEquals(0, Tensors.number(Tensors.slice(actual[0], 2, 0, 1).abs().max()));

      // Other keys, seen by every row, have raised the normaliser.
      Tensor lse = torch.logaddexp(expected[1], Tensors.add(torch.zeros_like(expected[1]), 2));
      Tensor out = Trial.random(5, 3, 2, 70, 5).to(type);
      Tensor gradient = Trial.random(6, 3, 2, 70, 5).to(type);
      Tensor[] expectedGradients = plain.backward(q, k, v, visible, out, lse, gradient);
      Tensor[] gradients = fused.backward(q, k, v, visible, out, lse, gradient);
      for (int i = 0; i < gradients.length; i++) {
        near(expectedGradients[i], gradients[i], tolerance);
      }
    }
  }

  private static void near(Tensor expected, Tensor actual, double tolerance) {
    assertEquals(Tensors.type(expected), Tensors.type(actual));
    assertTrue(Tensors.number(expected.abs().max()) > 0.01);
    assertTrue(actual.allclose(expected, 0, tolerance, false));
  }
}
