package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

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
   * @param logs log decays over each chunk [batch, heads, chunks], float32 or float64
   * @param added what each chunk adds by its end [batch, heads, chunks, elements]
   * @param initial the state before the first chunk [batch, heads, elements]; zeros if empty
   * @param documents the document in which each chunk ends, int64 [batch, 1, chunks]
   * @return [batch, heads, chunks, elements] in the type of {@code added}
   */
  static Tensor run(
      Tensor logs, Tensor added, Optional<Tensor> initial, Optional<Tensor> documents) {
    long chunks = logs.size(2);
    Folding folding = Folding.of(chunks, BLOCK);
    long blocks = folding.count();
    Decays decays = Decays.of(folding.fold(logs), documents.map(folding::fold));
    Tensor states = decays.pairs(Tensors.type(added)).matmul(folding.fold(added));
    Optional<Tensor> carried =
        blocks == 1
            ? initial.map(i -> i.unsqueeze(2))
            : Optional.of(before(initial, afterBlocks(decays, states, initial)));
    Tensor after = carried.map(c -> states.add(carriedOver(decays, c))).orElse(states);
    return folding.unfold(after);
  }

  /**
   * The states before every chunk: those after the chunk before.
   *
   * @param initial [batch, heads, elements]; zeros if empty
   * @param after [batch, heads, chunks, elements]
   */
  static Tensor before(Optional<Tensor> initial, Tensor after) {
    long chunks = after.size(2);
    Tensor first =
        initial
            .map(i -> i.unsqueeze(2))
            .orElseGet(() -> Tensors.zeros(after, after.size(0), after.size(1), 1, after.size(3)));
    return chunks == 1 ? first : Tensors.cat(2, first, after.narrow(2, 0, chunks - 1));
  }

  private static Tensor afterBlocks(Decays decays, Tensor states, Optional<Tensor> initial) {
    Tensor added = states.select(3, states.size(3) - 1);
    return run(decays.totals(), added, initial, decays.lastDocuments());
  }

  private static Tensor carriedOver(Decays decays, Tensor carried) {
    Tensor kept = Tensors.cast(decays.fromStart(), Tensors.type(carried));
    return kept.unsqueeze(-1).mul(carried.unsqueeze(3));
  }
}
