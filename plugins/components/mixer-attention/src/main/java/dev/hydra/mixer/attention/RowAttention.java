package dev.hydra.mixer.attention;

import dev.hydra.api.StateCache;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * What {@link DecodingAttention} does, for one text after another, where the host knows how long
 * each is: a CPU reads the slots that the text has, where they lie, and nothing is masked. What a
 * text gets does not depend on those beside it.
 *
 * @param pattern what the tokens see
 * @param scale factor of the scores
 * @param lengths the tokens of each text before this one
 */
@SuppressWarnings("ArrayRecordComponent") // never changed, and compared by nobody
record RowAttention(SparsePattern pattern, double scale, long[] lengths) {
  /** Chooses: gives it on a CPU, for scores without a bound. */
  static Optional<RowAttention> of(
      SparsePattern pattern, DenseAttention attention, Qkv added, StateCache cache) {
    return added.q().is_cpu() && attention.softCap().isEmpty()
        ? cache.known().map(lengths -> new RowAttention(pattern, attention.scale(), lengths))
        : Optional.empty();
  }

  /** Computes {@link DecodingAttention#attend} of what is turned. */
  Tensor attend(Qkv added, StateCache cache) {
    Tensor[] rows = new Tensor[lengths.length];
    for (int row = 0; row < rows.length; row++) {
      Tensor keys = stored(KeptKeys.KEYS, added.k(), row, cache);
      Tensor values = stored(KeptKeys.VALUES, added.v(), row, cache);
      rows[row] = attend(added.q().narrow(0, row, 1), keys, values);
    }
    return rows.length == 1 ? rows[0] : Tensors.cat(0, rows);
  }

  /** Query heads that share a key head are more queries of one head. */
  private Tensor attend(Tensor q, Tensor keys, Tensor values) {
    Tensor grouped = q.reshape(1, keys.size(2), -1, q.size(3));
    Tensor[] results =
        FusedKernel.attend(
            grouped, keys.transpose(1, 2), values.transpose(1, 2), false, null, scale);
    return results[0].reshape(1, 1, q.size(2), q.size(3));
  }

  /** Writes a token's key, or value, to its slot; returns all that it sees, [1, keys, ...]. */
  private Tensor stored(String name, Tensor added, int row, StateCache cache) {
    Tensor recent = cache.get(name).orElseThrow().narrow(0, row, 1);
    Optional<Tensor> globals =
        cache.get(KeySlots.globalName(name)).map(all -> all.narrow(0, row, 1));
    long slots = recent.size(1);
    Tensor slot = recent.narrow(1, lengths[row] % slots, 1);
    globals.ifPresent(to -> keep(slot, to, lengths[row] - pattern.window()));
    slot.copy_(added.narrow(0, row, 1));

    long absent =
        cache
            .get(KeptKeys.PADDING) // all slots are of the window then
            .map(padding -> Tensors.integer(padding.narrow(0, row, 1)))
            .orElse(0L);
    Tensor window = Tensors.slice(recent, 1, absent, Math.min(lengths[row] + 1, slots));
    long strided = pattern.newest(lengths[row]) + 1;
    return globals
        .filter(all -> strided > 0)
        .map(all -> Tensors.cat(1, all.narrow(1, 0, Math.min(strided, all.size(1))), window))
        .orElse(window);
  }

  /** Keeps the key, or value, that is about to leave the window, if it is strided. */
  private void keep(Tensor slot, Tensor globals, long leaving) {
    if (leaving < 0 || leaving % pattern.every() != 0) {
      return;
    }
    long number = leaving / pattern.every();
    if (number == 0) {
      globals.narrow(1, 0, 1).copy_(slot);
    } else if (pattern.globals() > 0) {
      globals.narrow(1, 1 + (number - 1) % pattern.globals(), 1).copy_(slot);
    }
  }
}
