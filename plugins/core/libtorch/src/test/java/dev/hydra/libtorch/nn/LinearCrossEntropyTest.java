package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class LinearCrossEntropyTest {
  @Test
  void whereNoTargetCountsThereIsNoLoss() {
    Tensor hidden = torch.randn(2, 3).set_requires_grad(true);
    Tensor weight = torch.randn(5, 3).set_requires_grad(true);
    Tensor loss =
        LinearCrossEntropy.of(
            hidden,
            weight,
            1,
            Tensor.create(LinearCrossEntropy.IGNORED, LinearCrossEntropy.IGNORED));
    assertEquals(0, Tensors.number(loss));
    Backward.run(loss);
    assertArrayEquals(new double[6], Tensors.numbers(hidden.grad()), 0);
    assertArrayEquals(new double[15], Tensors.numbers(weight.grad()), 0);
  }
}
