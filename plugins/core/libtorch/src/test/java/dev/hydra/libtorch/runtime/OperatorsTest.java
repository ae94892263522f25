package dev.hydra.libtorch.runtime;

import static dev.hydra.testing.Samples.assertClose;
import static dev.hydra.testing.Samples.normal;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.libtorch.runtime.Operators.Operator;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.List;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class OperatorsTest {
  @Test
  void listIsChangedInPlace() {
    Tensor x = normal(3);
    Tensor y = normal(2, 2);
    Tensor x3 = Tensors.mul(x, 3);
    Tensor y3 = Tensors.mul(y, 3);
    Operator multiply = Operators.find("aten::_foreach_mul_", "Scalar");
    try (IValue list = Operators.list(List.of(x, y))) {
      assertEquals(0, multiply.call(list, 3.0).length);
    }
    assertClose(x3, x);
    assertClose(y3, y);
  }

  @Test
  void noneAndDefaults() {
    Operator clamp = Operators.find("aten::clamp", "");
    Tensor x = Samples.vector(-2, 0.5, 2);
    assertClose(Samples.vector(-1, 0.5, 2), clamp.call(x, -1.0, null)[0]);
    assertClose(Samples.vector(-2, 0.5, 1), clamp.call(x, null, 1.0)[0]);
  }

  @Test
  void severalResults() {
    Tensor x = Samples.vector(3, 1, 2);
    Tensor[] sorted = Operators.find("aten::sort", "").call(x, 0, false);
    assertClose(Samples.vector(1, 2, 3), sorted[0]);
    assertEquals(1, Tensors.integers(sorted[1])[0]);
  }

  @Test
  void listOfResults() {
    Tensor[] norms =
        Operators.find("aten::_foreach_norm", "Scalar")
            .call(Operators.list(List.of(Samples.vector(3, 4), Samples.vector(-2))), 2.0, null);
    assertEquals(2, norms.length);
    assertEquals(5, Tensors.number(norms[0]), 1e-12);
    assertEquals(2, Tensors.number(norms[1]), 1e-12);
  }

  @Test
  void unknownOperator() {
    IllegalArgumentException thrown =
        assertThrows(
            IllegalArgumentException.class, () -> Operators.find("aten::no_such", "Tensor"));
    assertEquals("LibTorch has no operator aten::no_such.Tensor", thrown.getMessage());
  }

  @Test
  void argumentThatNoOperatorTakes() {
    Operator clamp = Operators.find("aten::clamp", "");
    assertThrows(IllegalArgumentException.class, () -> clamp.call(normal(2), 'c', null));
  }

  @Test
  void resultThatIsNoTensor() {
    Operator same = Operators.find("aten::equal", "");
    assertThrows(IllegalStateException.class, () -> same.call(normal(2), normal(2)));
  }

  /** Decoupled weight decay (arXiv 1711.05101, algorithm 2), step by step. */
  @Test
  void fusedAdamw() {
    double rate = 0.01;
    double beta1 = 0.9;
    double beta2 = 0.99;
    double decay = 0.1;
    double epsilon = 1e-8;
    Tensor parameter = normal(5);
    Tensor m = Tensors.zeros(parameter, 5);
    Tensor v = Tensors.zeros(parameter, 5);
    Tensor step = torch.zeros(1);
    double[] expected = Tensors.numbers(parameter);
    double[] expectedM = new double[5];
    double[] expectedV = new double[5];
    Operator adamw = Operators.find("aten::_fused_adamw_", "");
    for (int t = 1; t <= 3; t++) {
      Tensor gradient = normal(5);
      double[] g = Tensors.numbers(gradient);
      for (int i = 0; i < g.length; i++) {
        expectedM[i] = beta1 * expectedM[i] + (1 - beta1) * g[i];
        expectedV[i] = beta2 * expectedV[i] + (1 - beta2) * g[i] * g[i];
        double mHat = expectedM[i] / (1 - Math.pow(beta1, t));
        double vHat = expectedV[i] / (1 - Math.pow(beta2, t));
        expected[i] -= rate * (mHat / (Math.sqrt(vHat) + epsilon) + decay * expected[i]);
      }
      step.add_(torch.ones(1));
      adamw.call(
          Operators.list(List.of(parameter)),
          Operators.list(List.of(gradient)),
          Operators.list(List.of(m)),
          Operators.list(List.of(v)),
          Operators.list(List.of()),
          Operators.list(List.of(step)),
          rate,
          beta1,
          beta2,
          decay,
          epsilon,
          false,
          false,
          null,
          null);
    }
    assertClose(Samples.vector(expected), parameter, 1e-12);
    assertClose(Samples.vector(expectedV), v, 1e-12);
  }

  @Test
  void liveHandlesStayFlat() {
    Operator clamp = Operators.find("aten::clamp", "");
    Operator multiply = Operators.find("aten::_foreach_mul_", "Scalar");
    Tensor x = normal(3);
    Runnable step =
        () -> {
          clamp.call(x, 0.0, null);
          try (IValue list = Operators.list(List.of(x, x))) {
            multiply.call(list, 1.0);
          }
        };
    Handles.assertFlat(step);
  }
}
