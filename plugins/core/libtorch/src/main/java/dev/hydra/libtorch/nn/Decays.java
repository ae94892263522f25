package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The part of a state that survives between positions of a chunk: products of decays, each the
 * exponential of a difference of cumulative sums (the segment sums of arXiv 2405.21060, section 6).
 * What must not pass (from later positions, from other documents) is -inf before the exponential
 * rather than zero after it: the exponential of a difference the wrong way round overflows.
 *
 * @param sums cumulative sums of log decays [batch, chunks, heads, size], float32 or float64
 * @param documents int64 [batch, chunks, 1, size]: a state passes within one document only
 */
public record Decays(Tensor sums, Optional<Tensor> documents) {
  /**
   * The log decay below which a state is gone in any type; sums that stay small have exact
   * differences.
   */
  private static final double GONE = -50;

  /** Creates decays from log decays, at most 0, of the same shapes. */
  public static Decays of(Tensor logs, Optional<Tensor> documents) {
    return new Decays(bounded(logs).cumsum(-1), documents);
  }

  /** Bounds log decays: no smaller than what is gone in any type. */
  public static Tensor bounded(Tensor logs) {
    try (Scalar gone = new Scalar(GONE)) {
      return logs.clamp_min(gone);
    }
  }

  /** Returns the derivative of the bound on log decays: 1 or 0, in their shape and type. */
  public static Tensor inRange(Tensor logs) {
    try (Scalar gone = new Scalar(GONE)) {
      return Tensors.cast(logs.ge(gone), Tensors.type(logs));
    }
  }

  /**
   * Returns decays between positions [..., size, size]: row i, column j holds what survives from
   * after j to after i.
   */
  public Tensor pairs(ScalarType type) {
    long size = sums.size(-1);
    try (Scalar never = new Scalar(Double.NEGATIVE_INFINITY)) {
      Tensor future =
          torch
              .full(new long[] {size, size}, never, Tensors.like(sums, Tensors.type(sums)))
              .triu(1);
      Tensor logs = sums.unsqueeze(-1).sub(sums.unsqueeze(-2)).add_(future);
      documents.ifPresent(d -> logs.masked_fill_(d.unsqueeze(-1).ne(d.unsqueeze(-2)), never));
      return Tensors.cast(logs.exp_(), type);
    }
  }

  /** Returns decays [..., size] from before the chunk to after each position. */
  public Tensor fromStart() {
    return survivors(sums, documents.map(d -> d.ne(before(d))));
  }

  /** Returns decays [..., size] from after each position to the end of the chunk. */
  public Tensor toEnd() {
    return survivors(last(sums).sub(sums), documents.map(d -> d.ne(last(d))));
  }

  /** Returns the chunks as positions of a coarser sequence: log decays [batch, chunks, heads]. */
  public Tensor totals() {
    return last(sums).squeeze(-1);
  }

  /** Returns the documents that go with {@link #totals}: those in which the chunks end. */
  public Optional<Tensor> lastDocuments() {
    return documents.map(d -> last(d).squeeze(-1));
  }

  /**
   * Returns what gets to the end of the first chunk, but for decay, of a state before it [batch, 1,
   * heads, elements], or of its gradient: nothing where a document ends in it.
   */
  public Tensor passing(Tensor state) {
    return documents
        .map(d -> d.select(1, 0).select(1, 0))
        .map(first -> first.select(1, 0).eq(first.select(1, first.size(1) - 1)))
        .map(same -> state.mul(Tensors.cast(same, Tensors.type(state)).view(-1, 1, 1, 1)))
        .orElse(state);
  }

  private static Tensor survivors(Tensor logs, Optional<Tensor> foreign) {
    return foreign
        .map(mask -> Tensors.maskedFill(logs, mask, Double.NEGATIVE_INFINITY))
        .orElse(logs)
        .exp();
  }

  private static Tensor last(Tensor tensor) {
    return tensor.narrow(-1, tensor.size(-1) - 1, 1);
  }

  /**
   * Returns the document before each chunk; the first chunk, with none before it, takes its own.
   */
  private static Tensor before(Tensor documents) {
    Tensor first = documents.narrow(1, 0, 1).narrow(-1, 0, 1);
    return Tensors.cat(1, first, last(documents).narrow(1, 0, documents.size(1) - 1));
  }
}
