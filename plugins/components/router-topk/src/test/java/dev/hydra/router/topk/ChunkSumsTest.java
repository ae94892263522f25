package dev.hydra.router.topk;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(InScope.class)
class ChunkSumsTest {
  private final RandomInput random = new RandomInput();

  /** Sums and first tokens, and gradients, as LibTorch's own operators have them. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void areSumsAndFirstTokens(boolean allFirst) {
    Tensor x = random.values(2, 12, 3).set_requires_grad(true);
    Tensor other = x.detach().clone().set_requires_grad(true);
    Tensor[] parts = new ChunkSums(4, allFirst).apply(x);
    Tensor sums = other.unflatten(1, 3, 4).sum(2);
    Tensor first = Tensors.every(other, 1, 0, allFirst ? 4 : 12);
    assertEquals(0, distance(sums, parts[0]), 1e-14);
    assertEquals(0, distance(first, parts[1]));

    Tensor ofSums = random.values(2, 3, 3);
    Tensor ofFirst = random.values(2, allFirst ? 3 : 1, 3);
    Backward.run(parts[0].mul(ofSums).sum().add(parts[1].mul(ofFirst).sum()));
    Backward.run(sums.mul(ofSums).sum().add(first.mul(ofFirst).sum()));
    assertEquals(0, distance(other.grad(), x.grad()), 1e-14);
  }

  @Test
  void sumsOfBfloat16AreFloat32() {
    Tensor x = random.values(1, 8, 2).to(ScalarType.BFloat16);
    Tensor[] parts = new ChunkSums(4, false).apply(x);
    assertEquals(ScalarType.Float, Tensors.type(parts[0]));
    assertEquals(ScalarType.BFloat16, Tensors.type(parts[1]));
  }

  private static double distance(Tensor expected, Tensor actual) {
    return Tensors.number(expected.sub(actual).abs().max());
  }
}
