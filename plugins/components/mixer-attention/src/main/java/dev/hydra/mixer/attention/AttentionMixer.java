package dev.hydra.mixer.attention;

import dev.hydra.api.Cost;
import dev.hydra.api.Mixer;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.nn.Documents;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import java.util.function.Supplier;
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
    double state = 2.0 * shape.keyWidth() * new KeySlots(pattern).count(end);
    return Projections.cost(site, tokens)
        .plus(new Cost(4 * pairs * shape.queryWidth(), tokens * shape.heads(), state, 0));
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    Optional<StateCache> cache = pass.cache();
    if (pass.padding().isPresent() && pattern.equals(SparsePattern.full())) {
      return withoutPadding(x, pass.padding().get(), cache, pass);
    }
    if (cache.isPresent() && cache.get().decoding()) {
      Projections.Unturned added =
          projections.unturned(x, cache.get().positions(x).unsqueeze(1), pass);
      return projections.out(
          new DecodingAttention(pattern, projections.attention())
              .attend(added.qkv(), added.rotation(), cache.get()));
    }
    long time = x.size(1);
    KeptKeys kept = new KeptKeys(pattern, cache.map(StateCache::position).orElse(0L));
    Optional<Tensor> starts = Documents.starts(pass);
    Supplier<Tensor> made = () -> positions(kept.position(), time, starts, x);
    Tensor positions = cache.isPresent() ? made.get() : pass.shared("positions " + time, made);

    Qkv added = projections.in(x, positions, pass);
    Qkv qkv = cache.map(state -> kept.exchange(state, added)).orElse(added);
    Optional<Tensor> padding = cache.flatMap(state -> state.get(KeptKeys.PADDING));
    return projections.out(
        padding
            .map(absent -> afterPadding(qkv, projections.attention(), absent))
            .orElseGet(() -> attend(qkv, kept, starts)));
  }

  /** The positions of tokens in their sequence or document: int64 [1 or rows, time]. */
  private static Tensor positions(long first, long time, Optional<Tensor> starts, Tensor like) {
    Tensor sequence = Tensors.range(first, first + time, like).unsqueeze(0);
    return starts.map(sequence::sub).orElse(sequence);
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
      long absent = time - real.size(0);
      cache.get().put(KeptKeys.KEYS, Tensors.pad(qkv.k(), 1, absent, 0));
      cache.get().put(KeptKeys.VALUES, Tensors.pad(qkv.v(), 1, absent, 0));
      cache.get().put(KeptKeys.PADDING, Tensors.range(absent, absent + 1, x));
    }
    if (real.size(0) == 0) { // kernels divide by the number of queries
      return torch.zeros_like(x);
    }
    Tensor y = projections.out(attend(qkv, new KeptKeys(pattern, 0), Optional.empty()));
    return torch.zeros_like(x).index_copy(1, real, y);
  }

  /** One token sees all keys that were kept of a prompt with padding; without gradient. */
  private static Tensor afterPadding(Qkv x, DenseAttention attention, Tensor padding) {
    if (x.time() != 1) {
      throw new IllegalStateException("after a prompt with padding only single tokens can follow");
    }
    Tensor seen = Tensors.range(0, x.keys(), x.q()).ge(padding.unsqueeze(-1));
    return attention.forward(x, seen.unsqueeze(1)).out();
  }

  /** Keys and values stand in the rows of {@code kept}, followed by the new ones. */
  private Tensor attend(Qkv x, KeptKeys kept, Optional<Tensor> starts) {
    DenseAttention attention = projections.attention();
    if (attention.softCap().isEmpty()) {
      if (x.time() == 1) {
        return Attention.open(x, attention.scale());
      }
      if (starts.isEmpty()
          && pattern.isFull(kept.position(), x.time())
          && !Attention.isUnordered(x.q())
          && WindowKernels.of(attention, pattern.window(), x).isEmpty()) {
        return Attention.causal(x, attention.scale());
      }
    }
    Optional<StridedAttention> fused =
        StridedAttention.of(attention, pattern, x, kept.position(), starts);
    if (fused.isPresent()) {
      return fused.get().run(x, starts);
    }
    if (pattern.exceedsWindow(x.time())) {
      Optional<PatternAttention> whole = PatternAttention.of(attention, pattern, x);
      if (whole.isPresent()) {
        return MergedAttention.run(x, 0, whole.get(), starts, Optional.empty(), Optional.empty());
      }
    }
    LocalAttention local =
        LocalAttention.of(attention, pattern.window(), x.fromKey(kept.globals()), starts);
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
