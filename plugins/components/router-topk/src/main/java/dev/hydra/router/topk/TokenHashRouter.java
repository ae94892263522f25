package dev.hydra.router.topk;

import dev.hydra.api.Pass;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Routes each token by its id. The experts are divided into k groups of (nearly) one size, and a
 * hash of its own chooses a token's expert in each group: so a token has k different experts, and
 * two tokens that meet in one group rarely meet in another.
 */
final class TokenHashRouter implements Router {
  /** An odd number whose products spread the bits of small numbers well; less than 2^27. */
  private static final long MULTIPLIER = 0x45d9f3b;

  private static final long LOW_32_BITS = 0xffff_ffffL;

  private final long[] keys;
  private final int experts;

  /**
   * Draws the hashes.
   *
   * @param topK how many, at most {@code experts}
   */
  TokenHashRouter(int topK, int experts, long seed) {
    this.keys = new SplittableRandom(seed).longs(topK, 0, LOW_32_BITS + 1).toArray();
    this.experts = experts;
  }

  @Override
  public int topK() {
    return keys.length;
  }

  @Override
  public Routing route(Tensor x, Pass pass) {
    try (Grad off = Grad.off()) {
      Tensor[] choices = new Tensor[keys.length];
      for (int group = 0; group < choices.length; group++) {
        choices[group] = choose(pass.tokens(), group);
      }
      Tensor chosen = Tensors.stack(2, choices);
      ScalarType type = Tensors.type(x) == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
      Tensor weight = Tensors.zeros(x, type, Tensors.sizes(chosen));
      Tensor weights = Tensors.add(weight, 1.0 / keys.length);
      if (pass.observing()) {
        pass.observe("load", load(chosen, weights));
      }
      return new Routing(chosen, weights);
    }
  }

  /** The expert of each token in one of the groups. */
  private Tensor choose(Tensor tokens, int group) {
    long begin = (long) experts * group / keys.length;
    long end = (long) experts * (group + 1) / keys.length;
    try (Scalar key = new Scalar(keys[group]);
        Scalar first = new Scalar(begin);
        Scalar size = new Scalar(end - begin)) {
      return hash(tokens.bitwise_xor(key)).remainder(size).add(first);
    }
  }

  /**
   * Mixes 32 bits, one to one: rounds of multiplication and folding the upper half onto the lower.
   * Every product is less than 2^59, so int64 holds it.
   */
  private static Tensor hash(Tensor numbers) {
    try (Scalar multiplier = new Scalar(MULTIPLIER);
        Scalar mask = new Scalar(LOW_32_BITS)) {
      Tensor mixed = numbers;
      for (int round = 0; round < 2; round++) {
        mixed = fold(mixed).mul(multiplier).bitwise_and(mask);
      }
      return fold(mixed);
    }
  }

  private static Tensor fold(Tensor numbers) {
    try (Scalar half = new Scalar(16L)) {
      return numbers.bitwise_xor(numbers.bitwise_right_shift(half));
    }
  }

  /** The share of the choices that each expert has, without a row of experts for every token. */
  private Tensor load(Tensor chosen, Tensor weights) {
    Tensor shares = weights.flatten().div(weights.sum());
    return Tensors.zeros(weights, experts).index_add(0, chosen.flatten(), shares);
  }
}
