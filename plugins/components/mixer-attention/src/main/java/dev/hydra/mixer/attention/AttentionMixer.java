package dev.hydra.mixer.attention;

import dev.hydra.api.Cost;
import dev.hydra.api.Mixer;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.nn.Documents;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Causal attention to what a {@link SparsePattern} grants. */
final class AttentionMixer implements Mixer {
  private final Projections projections;
  private final SparsePattern pattern;

  AttentionMixer(Site site, SparsePattern granted) {
    projections = new Projections(site);
    pattern = granted;
  }

  /** Counts the pairs that the pattern grants; kept are also the softmax's normalisers. */
  static Cost cost(Site site, SparsePattern pattern, Workload work) {
    HeadShape shape = HeadShape.of(site);
    double tokens = work.tokens();
    long end = work.end();
    double pairs = pattern.pairs(work.context(), end);
    KeptKeys after = new KeptKeys(pattern, end);
    double state = 2.0 * shape.keyWidth() * (after.recent() + after.globals());
    return Projections.cost(site, tokens)
        .plus(new Cost(4 * pairs * shape.queryWidth(), tokens * shape.heads(), state, 0));
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    Optional<StateCache> cache = pass.cache();
    if (pass.padding().isPresent() && pattern.equals(SparsePattern.full())) {
      return withoutPadding(x, pass.padding().get(), cache, pass);
    }
    if (cache.isPresent() && cache.get().ragged()) {
      return ragged(x, cache.get(), pass);
    }
    long time = x.size(1);
    KeptKeys kept = new KeptKeys(pattern, cache.map(StateCache::position).orElse(0L));
    Tensor sequence = Tensors.range(kept.position(), kept.position() + time, x).unsqueeze(0);
    Optional<Tensor> starts = pass.documents().map(Documents::starts);

    Qkv added = projections.in(x, starts.map(sequence::sub).orElse(sequence), pass);
    Qkv qkv = cache.map(state -> kept.exchange(state, added)).orElse(added);
    return projections.out(attend(qkv, kept, starts));
  }

  /** One more token of each of several texts of different length: each has keys of its own. */
  private Tensor ragged(Tensor x, StateCache cache, Pass pass) {
    Qkv added = projections.in(x, cache.positions(x).unsqueeze(1), pass);
    List<? extends StateCache> rows = cache.rows();
    Tensor[] heads = new Tensor[rows.size()];
    for (int i = 0; i < heads.length; i++) {
      KeptKeys kept = new KeptKeys(pattern, rows.get(i).position());
      heads[i] = attend(kept.exchange(rows.get(i), added.row(i)), kept, Optional.empty());
    }
    return projections.out(Tensors.cat(0, heads));
  }

  /**
   * A prompt of one row as if its padding were not there, at the positions that end where the
   * prompt ends; padding itself, which nothing looks at, gets zeros.
   */
  private Tensor withoutPadding(Tensor x, Tensor padding, Optional<StateCache> cache, Pass pass) {
    Tensor real = padding.logical_not().view(-1).nonzero().view(-1);
    long time = x.size(1);
    Tensor positions = Tensors.range(time - real.size(0), time, x).unsqueeze(0);
    Qkv qkv = projections.in(x.index_select(1, real), positions, pass);
    if (cache.isPresent()) {
      cache.get().put(KeptKeys.KEYS, qkv.k());
      cache.get().put(KeptKeys.VALUES, qkv.v());
    }
    Tensor y = projections.out(attend(qkv, new KeptKeys(pattern, 0), Optional.empty()));
    return torch.zeros_like(x).index_copy(1, real, y);
  }

  /** One token sees all keys that were kept of a prompt with padding; without gradient. */
  private static Tensor afterPadding(Qkv x, DenseAttention attention) {
    if (x.time() != 1) {
      throw new IllegalStateException("after a prompt with padding only single tokens can follow");
    }
    Tensor everyKey = Tensors.range(0, x.keys(), x.q()).ge(new Scalar(0)).view(1, 1, -1);
    return attention.forward(x, everyKey).out();
  }

  /** Keys and values stand in the rows of {@code kept}, followed by the new ones. */
  private Tensor attend(Qkv x, KeptKeys kept, Optional<Tensor> starts) {
    DenseAttention attention = projections.attention();
    if (x.keys() != kept.recent() + kept.globals() + x.time()) {
      return afterPadding(x, attention);
    }
    if (attention.softCap().isEmpty()) {
      if (x.time() == 1) {
        return Attention.open(x, attention.scale());
      }
      if (starts.isEmpty()
          && pattern.isFull(kept.position(), x.time())
          && !Attention.isUnordered(x.q())) {
        return Attention.causal(x, attention.scale());
      }
    }
    Optional<StridedAttention> fused =
        StridedAttention.of(attention, pattern, x, kept.position(), starts);
    if (fused.isPresent()) {
      return fused.get().run(x);
    }
    LocalAttention local = LocalAttention.of(attention, pattern.window(), x.q(), starts);
    BlockPlan plan = BlockPlan.of(pattern, kept.position(), x.time());
    boolean granted = plan.globals() > 0;
    return MergedAttention.run(
        x,
        kept.globals(),
        local,
        starts,
        granted ? Optional.of(new GlobalAttention(attention, plan)) : Optional.empty(),
        granted ? Optional.of(BlockIndex.of(plan, starts, x.q()).in(kept)) : Optional.empty());
  }
}
