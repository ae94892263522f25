package dev.hydra.libtorch.nn;

import dev.hydra.api.Routing;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Sends tokens to their experts and back. Each of the k choices of each decision is a pair; pairs
 * are numbered decision by decision, and sorted by expert they have places. Tokens that share a
 * decision stay together, so a place has {@code span} rows. Sorting is stable and all moves are
 * permutations, so the result does not depend on the order in which threads run. The host never
 * waits for the device. By CUDA kernels where they can be used.
 *
 * @param order int64 [pairs]: the pair at each place
 * @param places int64 [pairs]: the place of each pair
 * @param ends int32 [experts]: the row where each expert's rows end
 * @param topK choices per decision
 * @param span tokens per decision
 */
public record ExpertDispatch(Tensor order, Tensor places, Tensor ends, int topK, int span) {
  /**
   * Sorts the choices of a routing.
   *
   * @param experts how many there are
   */
  public static ExpertDispatch of(Routing routing, long experts) {
    return of(routing.experts().flatten(0, 1), experts, routing.span());
  }

  /**
   * Sorts choices.
   *
   * @param chosen int64 [decisions, k]
   */
  static ExpertDispatch of(Tensor chosen, long experts, int span) {
    return FusedPlaces.of(chosen, experts)
        .map(fused -> fused.sort(chosen, (int) experts, span))
        .orElseGet(() -> sorted(chosen, experts, span));
  }

  /** Sorts by LibTorch's operators. */
  static ExpertDispatch sorted(Tensor chosen, long experts, int span) {
    try (BoolOptional stable = new BoolOptional(true);
        StringViewOptional side = new StringViewOptional();
        TensorOptional sorter = new TensorOptional()) {
      T_TensorTensor_T sorted = chosen.reshape(-1).sort(stable, 0, false);
      Tensor order = sorted.get1();
      Tensor places = permute(Tensors.range(0, order.size(0), order), order);
      Tensor numbers = Tensors.range(0, experts, order);
      Tensor ends = torch.searchsorted(sorted.get0(), numbers, true, true, side, sorter);
      Tensor rows = span == 1 ? ends : Tensors.mul(ends, (long) span);
      return new ExpertDispatch(order, places, rows, (int) chosen.size(1), span);
    }
  }

  /** Copies tokens [decisions * span, width] to the places of their pairs: [rows, width]. */
  public Tensor spread(Tensor tokens) {
    return FusedDispatch.of(tokens)
        .map(fused -> fused.spread(tokens, this))
        .orElseGet(() -> spreadPlain(tokens));
  }

  /**
   * Maps each token by the matrices of its experts. Where kernels can read tokens in place, they
   * are not copied.
   *
   * @param tokens [decisions * span, in]
   * @param weights [experts, out, in]
   * @return [rows, out] by place
   */
  public Tensor toExperts(Tensor tokens, Tensor weights) {
    return SpreadProduct.of(tokens, weights, this)
        .map(product -> product.apply(tokens, weights, order, places, ends)[0])
        .orElseGet(() -> GroupedLinear.apply(spread(tokens), weights, ends));
  }

  /**
   * Maps rows by the matrices of their experts.
   *
   * @param rows [rows, in] by place
   * @param weights [experts, out, in]
   * @return [rows, out] by place
   */
  public Tensor byExperts(LinearInput rows, Tensor weights) {
    return GroupedLinear.apply(rows, weights, ends, span);
  }

  /**
   * Says whether {@link #toExperts} keeps tokens only, and no rows, in bfloat16 on a device of the
   * Hopper generation.
   *
   * @param span tokens per decision
   */
  public static boolean readsInPlace(long experts, long out, long in, long span) {
    return ChunkProducts.takes(experts, out, in, span);
  }

  private Tensor spreadPlain(Tensor tokens) {
    Tensor decisions = tokens.reshape(-1, span * tokens.size(1));
    Tensor pairs = decisions.unsqueeze(1).expand(-1, topK, -1).reshape(-1, span * tokens.size(1));
    return permute(pairs, places).view(-1, tokens.size(1));
  }

  /**
   * Adds up what the experts made of each token.
   *
   * @param computed [rows, width] by place
   * @param weights [..., k] of each decision, float32 or float64
   * @param other what else is added [decisions * span, width], if anything
   * @return [decisions * span, width] in the type of {@code computed}
   */
  public Tensor combine(Tensor computed, Tensor weights, Optional<Tensor> other) {
    return FusedDispatch.of(computed)
        .filter(fused -> fused.takes(weights, other))
        .map(fused -> fused.combine(computed, weights, other, this))
        .orElseGet(() -> combinePlain(computed, weights, other));
  }

  private Tensor combinePlain(Tensor computed, Tensor weights, Optional<Tensor> other) {
    long width = computed.size(1);
    Tensor pairs = permute(computed.view(-1, span * width), order).view(-1, topK, span, width);
    Tensor sum = pairs.mul(weights.reshape(-1, topK, 1, 1)).sum(1).view(-1, width);
    return Tensors.cast(other.map(sum::add).orElse(sum), Tensors.type(computed));
  }

  /** Returns the part of the pairs that no expert computes, a scalar. */
  public Tensor dropped() {
    Tensor computed = Tensors.slice(ends, 0, ends.size(0) - 1, ends.size(0)).to(ScalarType.Float);
    double rows = (double) order.size(0) * span;
    return Tensors.add(Tensors.mul(computed, -1 / rows), 1.0).sum();
  }

  /**
   * Moves row i to row {@code target[i]}. By index_copy because its backward is a gather; that of a
   * gather (index_select) would add up rows, which is slower, and on CUDA in no fixed order.
   */
  private static Tensor permute(Tensor rows, Tensor target) {
    return torch.empty_like(rows).index_copy_(0, target, rows);
  }
}
