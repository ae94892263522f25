package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.nn.Chunks;
import dev.hydra.libtorch.nn.Decays;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Passes states from chunk to chunk, {@code after[z] = exp(logs[z]) * after[z - 1] + added[z]}
 * (arXiv 2405.21060, section 6, step 3). Up to {@link #BLOCK} chunks are one product with the
 * matrix of their decays; longer sequences fold into blocks, whose ends are a shorter sequence of
 * the same kind. That keeps the cost linear in time and the number of operators logarithmic.
 */
final class ChunkRecurrence {
  /** Chunks that one decay matrix spans. */
  static final int BLOCK = 32;

  private ChunkRecurrence() {}

  /**
   * The states after every chunk.
   *
   * @param logs log decays over each chunk [batch, chunks, heads], float32 or float64
   * @param added what each chunk adds by its end [batch, chunks, heads, elements]
   * @param initial the state before the first chunk [batch, 1, heads, elements], of the document in
   *     which that ends; zeros if empty
   * @param documents the document in which each chunk ends, int64 [batch, chunks, 1]
   * @return [batch, chunks, heads, elements] in the type of {@code added}
   */
  static Tensor after(
      Tensor logs, Tensor added, Optional<Tensor> initial, Optional<Tensor> documents) {
    Chunks blocks = Chunks.of(logs.size(1), BLOCK);
    Decays decays =
        Decays.of(
            blocks.split(logs).transpose(2, 3),
            documents.map(d -> blocks.split(d).transpose(2, 3)));
    // From here on [batch, blocks, heads, chunks in the block, elements].
    Tensor own = decays.pairs(Tensors.type(added)).matmul(blocks.split(added).transpose(2, 3));
    Tensor after =
        blocks.count() == 1 && initial.isEmpty()
            ? own
            : own.add(carried(decays, beforeBlocks(decays, own, initial)));
    return blocks.join(after.transpose(2, 3));
  }

  /** The states before every chunk, given those after every chunk; shapes as there. */
  static Tensor before(Optional<Tensor> initial, Tensor after) {
    long chunks = after.size(1);
    Tensor first = initial.orElseGet(() -> torch.zeros_like(after.narrow(1, 0, 1)));
    return chunks == 1 ? first : Tensors.cat(1, first, after.narrow(1, 0, chunks - 1));
  }

  /**
   * The gradient of {@code added} from the gradient of the states after every chunk: the same
   * recurrence from the last chunk to the first.
   */
  static Tensor gradient(Tensor logs, Tensor gradient, Optional<Tensor> documents) {
    // What goes from after[z] back to after[z - 1] has decayed by logs[z]; nothing follows the
    // last chunk, so the first step of the way back has no decay to speak of.
    Tensor back = logs.roll(new long[] {-1}, new long[] {1}).flip(1);
    return after(back, gradient.flip(1), Optional.empty(), documents.map(d -> d.flip(1))).flip(1);
  }

  private static Tensor beforeBlocks(Decays decays, Tensor own, Optional<Tensor> initial) {
    if (own.size(1) == 1) {
      return initial.orElseThrow();
    }
    Tensor added = own.select(3, own.size(3) - 1);
    Optional<Tensor> passing = initial.map(decays::passing);
    return before(initial, after(decays.totals(), added, passing, decays.lastDocuments()));
  }

  /** What is left after each chunk of the states before its block. */
  private static Tensor carried(Decays decays, Tensor before) {
    Tensor left = Tensors.cast(decays.fromStart(), Tensors.type(before));
    return left.unsqueeze(-1).mul(before.unsqueeze(3));
  }
}
