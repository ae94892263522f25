package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Sends tokens to their experts and back. Each of the k choices of each token is a pair; pairs are
 * numbered token by token, and sorted by expert they have places. Sorting is stable and all moves
 * are permutations, so the result does not depend on the order in which threads run. The host never
 * waits for the device.
 *
 * @param order int64 [pairs]: the pair at each place
 * @param places int64 [pairs]: the place of each pair
 * @param ends int32 [experts]: the place where each expert's pairs end
 * @param topK choices per token
 */
public record ExpertDispatch(Tensor order, Tensor places, Tensor ends, long topK) {
  /**
   * Sorts the choices.
   *
   * @param chosen int64 [tokens, k]: the experts of each token
   * @param experts how many there are
   */
  public static ExpertDispatch of(Tensor chosen, long experts) {
    try (BoolOptional stable = new BoolOptional(true);
        StringViewOptional side = new StringViewOptional();
        TensorOptional sorter = new TensorOptional()) {
      T_TensorTensor_T sorted = chosen.reshape(-1).sort(stable, 0, false);
      Tensor order = sorted.get1();
      Tensor places = permute(Tensors.range(0, order.size(0), order), order);
      Tensor numbers = Tensors.range(0, experts, order);
      Tensor ends = torch.searchsorted(sorted.get0(), numbers, true, true, side, sorter);
      return new ExpertDispatch(order, places, ends, chosen.size(1));
    }
  }

  /** Copies tokens [tokens, width] to the places of their pairs: [pairs, width]. */
  public Tensor spread(Tensor tokens) {
    Tensor pairs = tokens.unsqueeze(1).expand(-1, topK, -1).reshape(-1, tokens.size(1));
    return permute(pairs, places);
  }

  /**
   * Adds up what the experts made of each token.
   *
   * @param computed [pairs, width] by place
   * @param weights [tokens, k], float32 or float64
   * @return [tokens, width] in the type of the weights
   */
  public Tensor combine(Tensor computed, Tensor weights) {
    Tensor pairs = permute(computed, order).view(-1, topK, computed.size(1));
    return pairs.mul(weights.unsqueeze(-1)).sum(1);
  }

  /** Returns the part of the pairs that no expert computes, a scalar. */
  public Tensor dropped() {
    Tensor computed = Tensors.slice(ends, 0, ends.size(0) - 1, ends.size(0)).to(ScalarType.Float);
    return Tensors.add(Tensors.mul(computed, -1.0 / order.size(0)), 1.0).sum();
  }

  /**
   * Moves row i to row {@code target[i]}. By index_copy because its backward is a gather; that of a
   * gather (index_select) would add up rows, which is slower, and on CUDA in no fixed order.
   */
  private static Tensor permute(Tensor rows, Tensor target) {
    return torch.empty_like(rows).index_copy_(0, target, rows);
  }
}
