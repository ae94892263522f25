package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Attention from its definition, with all scores at once and LibTorch's own backward.
 *
 * @param visible bool [1 or batch, time, keys]
 */
record Formula(Tensor visible, double scale, Optional<Double> softCap) {
  Formula(Tensor visible, double scale) {
    this(visible, scale, Optional.empty());
  }

  Tensor apply(Qkv x) {
    long group = x.q().size(2) / x.k().size(2);
    Tensor q = x.q().transpose(1, 2);
    Tensor k = repeated(x.k(), group).transpose(1, 2);
    Tensor v = repeated(x.v(), group).transpose(1, 2);
    Tensor scores = Tensors.mul(q.matmul(k.transpose(2, 3)), scale);
    Tensor capped =
        softCap
            .map(cap -> Tensors.mul(Tensors.mul(scores, 1 / cap).tanh(), (double) cap))
            .orElse(scores);
    Tensor hidden = visible.logical_not().unsqueeze(1);
    return Tensors.maskedFill(capped, hidden, Double.NEGATIVE_INFINITY)
        .softmax(3)
        .matmul(v)
        .transpose(1, 2);
  }

  private static Tensor repeated(Tensor keys, long group) {
    return keys.unsqueeze(3)
        .expand(-1, -1, -1, group, -1)
        .reshape(keys.size(0), keys.size(1), -1, keys.size(3));
  }

  /** Random queries, keys and values that need gradients. */
  static Qkv inputs(long batch, long time, long keys, long heads, long kvHeads, long headDim) {
    return new Qkv(
        Trial.random(1, batch, time, heads, headDim).set_requires_grad(true),
        Trial.random(2, batch, keys, kvHeads, headDim).set_requires_grad(true),
        Trial.random(3, batch, keys, kvHeads, headDim).set_requires_grad(true));
  }

  /** Checks that an attention and its gradients equal the formula's. */
  void check(Function<Qkv, Tensor> attention, Qkv x, double tolerance) {
    Qkv exact = new Qkv(leaf(x.q()), leaf(x.k()), leaf(x.v()));
    Tensor actual = attention.apply(x);
    Tensor expected = apply(exact);
    assertEquals(Tensors.type(x.q()), Tensors.type(actual));
    near("result", expected, actual, tolerance);
    Tensor direction = Trial.random(4, Tensors.sizes(expected)).to(x.q().device(), type(x));
    Backward.run(actual.mul(direction).sum());
    Backward.run(expected.mul(Tensors.cast(direction, ScalarType.Double)).sum());
    near("gradient of q", exact.q().grad(), x.q().grad(), tolerance);
    near("gradient of k", exact.k().grad(), x.k().grad(), tolerance);
    near("gradient of v", exact.v().grad(), x.v().grad(), tolerance);
  }

  private static ScalarType type(Qkv x) {
    return Tensors.type(x.q());
  }

  private static Tensor leaf(Tensor tensor) {
    return tensor.detach().to(ScalarType.Double).clone().set_requires_grad(true);
  }

  private static void near(String what, Tensor expected, Tensor actual, double tolerance) {
    Tensor difference = Tensors.cast(actual, ScalarType.Double).sub(expected);
    double error = Tensors.number(difference.abs().max());
    double bound = tolerance * Math.max(1, Tensors.number(expected.abs().max()));
    assertTrue(error <= bound, what + " is off by " + error); // false for NaN too
  }
}
