package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.Tensors;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** The fused kernel against the formula, over lengths of several of its tiles. */
class AttentionTest {
  private static final int TIME = 300;
  private static final int KV_HEADS = 2;
  private static final int GROUP = 3;
  private static final double SCALE = 0.9;

  @Test
  void causalGradientsEqualTheFormula() {
    compare(qkv -> Attention.causal(qkv[0], qkv[1], qkv[2], SCALE));
  }

  @Test
  void maskedGradientsEqualTheFormula() {
    compare(
        qkv ->
            Attention.masked(
                qkv[0], qkv[1], qkv[2], lowerTriangle().view(1, 1, TIME, TIME), SCALE));
  }

  private static void compare(Function<Tensor[], Tensor> attention) {
    try (PointerScope scope = new PointerScope()) {
      Tensor[] one = inputs();
      Tensor[] two = inputs();
      Tensor fused = attention.apply(one);
      Tensor plain = formula(two);
      assertTrue(fused.allclose(plain, 0, 1e-12, false));
      Tensor direction = Trial.random(4, Tensors.sizes(plain));
      fused.mul(direction).sum().backward();
      plain.mul(direction).sum().backward();
      for (int i = 0; i < one.length; i++) {
        assertTrue(one[i].grad().allclose(two[i].grad(), 0, 1e-11, false), "input " + i);
      }
    }
  }

  private static Tensor[] inputs() {
    Tensor q = Trial.random(1, 2, TIME, KV_HEADS * GROUP, 4);
    Tensor k = Trial.random(2, 2, TIME, KV_HEADS, 4);
    Tensor v = Trial.random(3, 2, TIME, KV_HEADS, 4);
    return new Tensor[] {
      q.set_requires_grad(true), k.set_requires_grad(true), v.set_requires_grad(true)
    };
  }

  private static Tensor lowerTriangle() {
    return torch.ones(TIME, TIME).tril().to(ScalarType.Bool);
  }

  private static Tensor formula(Tensor[] qkv) {
    Tensor q = qkv[0].transpose(1, 2);
    Tensor k = repeated(qkv[1]).transpose(1, 2);
    Tensor v = repeated(qkv[2]).transpose(1, 2);
    Tensor scores = Tensors.mul(q.matmul(k.transpose(2, 3)), SCALE);
    Tensor hidden = lowerTriangle().logical_not();
    return Tensors.maskedFill(scores, hidden, Double.NEGATIVE_INFINITY)
        .softmax(3)
        .matmul(v)
        .transpose(1, 2);
  }

  private static Tensor repeated(Tensor keys) {
    return keys.unsqueeze(3).expand(2, TIME, KV_HEADS, GROUP, 4).reshape(2, TIME, -1, 4);
  }

  @Test
  void neverComputesInBfloat16OnTheCpu() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.zeros(1, 1, 4);
      assertEquals(ScalarType.Float, Attention.type(x.to(ScalarType.BFloat16)));
      assertEquals(ScalarType.Float, Attention.type(x));
      assertEquals(ScalarType.Double, Attention.type(x.to(ScalarType.Double)));
    }
  }
}
