package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.nn.Chunks;
import dev.hydra.libtorch.nn.Decays;
import org.bytedeco.pytorch.Tensor;

/**
 * How tensors are laid out for products: every head of every chunk on its own, chunks outermost, so
 * that those of one chunk, which follow from the chunk before, lie together.
 *
 * @param batch sequences
 * @param heads heads
 * @param chunks how time is cut
 */
record DeltaLayout(long batch, long heads, Chunks chunks) {
  static DeltaLayout of(GatedDeltaRule.Input in, int chunk) {
    return new DeltaLayout(in.v().size(0), in.v().size(2), Chunks.of(in.v().size(1), chunk));
  }

  /** [batch, time, heads, dim] to [chunks * batch * heads, size, dim]. */
  Tensor byHead(Tensor values) {
    return chunks.split(values).permute(1, 0, 3, 2, 4).reshape(-1, chunks.size(), values.size(3));
  }

  /** The reverse of {@link #byHead}. */
  Tensor fromHeads(Tensor values) {
    Tensor chunked = values.view(chunks.count(), batch, heads, chunks.size(), values.size(-1));
    return chunks.join(chunked.permute(1, 0, 3, 2, 4));
  }

  /** The decays of logs [batch, time, heads]. */
  Decays decays(GatedDeltaRule.Input in) {
    // Chunks are outermost in memory here too, so that byChunk need not copy.
    Tensor logs = chunks.split(in.log()).permute(1, 0, 3, 2).contiguous().transpose(0, 1);
    return Decays.of(logs, in.documents().map(d -> chunks.split(d).unsqueeze(2)));
  }

  /** What decays return [batch, chunks, heads, ...] to [chunks * batch * heads, ...]. */
  static Tensor byChunk(Tensor decays) {
    return decays.transpose(0, 1).flatten(0, 2);
  }

  /** A state [batch, heads, keyDim, valueDim] as [batch * heads, keyDim, valueDim]. */
  static Tensor boundary(Tensor state) {
    return state.flatten(0, 1);
  }

  /** The reverse of {@link #boundary}. */
  Tensor fromBoundary(Tensor state) {
    return state.unflatten(0, batch, heads);
  }
}
