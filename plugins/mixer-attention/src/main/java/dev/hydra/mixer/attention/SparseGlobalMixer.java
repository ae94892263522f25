package dev.hydra.mixer.attention;

import dev.hydra.api.Mixer;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.Documents;
import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Causal attention to a window and to global positions, see {@link SparsePattern}. */
final class SparseGlobalMixer implements Mixer {
  private final Projections projections;
  private final SparsePattern pattern;

  SparseGlobalMixer(Site site) {
    projections = new Projections(site);
    pattern = SparsePattern.of(site);
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    Optional<StateCache> cache = pass.cache();
    long time = x.size(1);
    KeptKeys kept = new KeptKeys(pattern, cache.map(StateCache::position).orElse(0L));
    Tensor sequence = Tensors.range(kept.position(), kept.position() + time, x).unsqueeze(0);
    Optional<Tensor> starts = pass.documents().map(Documents::starts);

    Projections.Qkv qkv = projections.in(x, starts.map(sequence::sub).orElse(sequence));
    Tensor k = qkv.k();
    Tensor v = qkv.v();
    if (cache.isPresent()) {
      k = kept.exchange(cache.get(), "k", k);
      v = kept.exchange(cache.get(), "v", v);
    }
    return projections.out(attend(qkv.q(), k, v, kept, starts));
  }

  /** Keys and values stand in the rows of {@code kept}, followed by the new ones. */
  private Tensor attend(Tensor q, Tensor k, Tensor v, KeptKeys kept, Optional<Tensor> starts) {
    double scale = projections.scale();
    long time = q.size(1);
    if (time == 1) {
      return Attention.open(q, k, v, scale);
    }
    if (starts.isEmpty() && pattern.isFull(kept.position(), time)) {
      return Attention.causal(q, k, v, scale);
    }
    BlockPlan plan = BlockPlan.of(pattern, kept.position(), time);
    BlockIndex index = BlockIndex.of(plan, starts, k);
    long batch = q.size(0);
    Tensor offsets = Tensors.mul(Tensors.range(0, batch, k), k.size(1)).view(batch, 1, 1);
    Tensor rows = kept.rows(index.positions()).add(offsets).view(-1);
    Tensor visible =
        index.visible().expand(batch, -1, -1, -1).reshape(-1, 1, plan.block(), plan.columns());

    Tensor blocks =
        Tensors.pad(q, 1, 0, plan.padding()).view(-1, plan.block(), q.size(2), q.size(3));
    Tensor mixed =
        Attention.masked(blocks, gathered(k, rows, plan), gathered(v, rows, plan), visible, scale);
    return Tensors.slice(mixed.reshape(batch, -1, q.size(2), q.size(3)), 1, 0, time);
  }

  /**
   * The rows of keys [batch, rows, kvHeads, headDim] for each block: [batch blocks, columns,
   * kvHeads, headDim]. The embedding operator's backward sums in a fixed order.
   */
  private static Tensor gathered(Tensor keys, Tensor rows, BlockPlan plan) {
    Tensor table = keys.reshape(-1, keys.size(2) * keys.size(3));
    return torch.embedding(table, rows).view(-1, plan.columns(), keys.size(2), keys.size(3));
  }
}
