package dev.hydra.trainer.step;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Windows of tokens, as {@link dev.hydra.data.Batch#tensor} packs them: what the model is given,
 * and what it is to predict.
 *
 * @param tokens int64 [batch, time + 1]
 * @param labels int64 [batch, time + 1]: the tokens, or -100 where one is not to be predicted
 * @param documents int64 [batch, time + 1]: the document of each token, if several are packed
 */
public record TokenWindows(Tensor tokens, Tensor labels, Optional<Tensor> documents) {
  /**
   * Unpacks windows, without a copy.
   *
   * @param packed int64 [batch, time + 1]: tokens; or [2 or 3, batch, time + 1]: tokens, labels,
   *     documents
   */
  public static TokenWindows of(Tensor packed) {
    if (packed.dim() == 2) {
      return new TokenWindows(packed, packed, Optional.empty());
    }
    return new TokenWindows(
        packed.select(0, 0),
        packed.select(0, 1),
        packed.size(0) > 2 ? Optional.of(packed.select(0, 2)) : Optional.empty());
  }

  /** Returns what the model is given: all tokens of a window but the last, int64 [batch, time]. */
  public Tensor inputs() {
    return Tensors.slice(tokens, 1, 0, time());
  }

  /** Returns what it is to predict: all labels of a window but the first, int64 [batch, time]. */
  public Tensor targets() {
    return Tensors.slice(labels, 1, 1, time() + 1);
  }

  /** Returns a context for a forward over these windows: over their documents, if they have any. */
  public ForwardContext in(ForwardContext context) {
    return documents
        .map(all -> context.withDocuments(Tensors.slice(all, 1, 0, time()).contiguous()))
        .orElse(context);
  }

  private long time() {
    return tokens.size(1) - 1;
  }
}
