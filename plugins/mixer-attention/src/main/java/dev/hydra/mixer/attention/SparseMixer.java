package dev.hydra.mixer.attention;

import dev.hydra.api.Cost;
import dev.hydra.api.Mixer;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.Documents;
import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Causal attention to what a {@link SparsePattern} grants, in linear time. */
final class SparseMixer implements Mixer {
  private final Projections projections;
  private final SparsePattern pattern;

  SparseMixer(Site site, SparsePattern granted) {
    projections = new Projections(site);
    pattern = granted;
  }

  /**
   * Counts the pairs that the pattern grants. Kept are also the softmax's normalisers and, where
   * the sequence is cut into blocks, the keys and values gathered for each and the mask.
   */
  static Cost cost(Site site, SparsePattern pattern, Workload work) {
    HeadShape shape = HeadShape.of(site);
    double tokens = work.tokens();
    double kept = tokens * shape.heads();
    if (!pattern.isFull(work.context(), work.tokens())) {
      BlockPlan plan = BlockPlan.of(pattern, work.context(), work.tokens());
      kept += plan.pairs() + 2.0 * plan.blocks() * plan.columns() * shape.keyWidth();
    }
    long end = work.context() + work.tokens();
    double pairs = LongStream.range(work.context(), end).map(pattern::keys).sum();
    KeptKeys after = new KeptKeys(pattern, end);
    double state = 2.0 * shape.keyWidth() * (after.recent() + after.globals());
    return Projections.cost(site, tokens)
        .plus(new Cost(4 * pairs * shape.queryWidth(), kept, state, 0));
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
