package dev.hydra.mixer.attention;

import dev.hydra.api.Mixer;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.Documents;
import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** Causal attention to all tokens before. */
final class FullMixer implements Mixer {
  private final Projections projections;

  FullMixer(Site site) {
    projections = new Projections(site);
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    Optional<StateCache> cache = pass.cache();
    long before = cache.map(StateCache::position).orElse(0L);
    long time = x.size(1);
    Tensor rows = Tensors.range(0, time, x).unsqueeze(0);
    Optional<Tensor> starts = pass.documents().map(Documents::starts);
    Tensor positions =
        starts.map(rows::sub).orElseGet(() -> Tensors.range(before, before + time, x).unsqueeze(0));

    Projections.Qkv qkv = projections.in(x, positions);
    Tensor k = qkv.k();
    Tensor v = qkv.v();
    if (cache.isPresent()) {
      k = extended(cache.get(), "k", k);
      v = extended(cache.get(), "v", v);
    }
    return projections.out(attend(qkv.q(), k, v, before, starts));
  }

  private static Tensor extended(StateCache cache, String name, Tensor added) {
    Tensor all = cache.get(name).map(old -> Tensors.cat(1, old, added)).orElse(added);
    cache.put(name, all);
    return all;
  }

  /** A mask only where it must be: the fused causal kernel skips half of the work. */
  private Tensor attend(Tensor q, Tensor k, Tensor v, long before, Optional<Tensor> starts) {
    double scale = projections.scale();
    if (starts.isEmpty() && before == 0) {
      return Attention.causal(q, k, v, scale);
    }
    if (q.size(1) == 1) {
      return Attention.open(q, k, v, scale);
    }
    Tensor queries = Tensors.range(before, before + q.size(1), q).unsqueeze(1);
    Tensor keys = Tensors.range(0, k.size(1), q);
    Tensor mask = keys.le(queries).unsqueeze(0);
    if (starts.isPresent()) {
      mask = mask.logical_and(keys.ge(starts.get().unsqueeze(2)));
    }
    return Attention.masked(q, k, v, mask.unsqueeze(1), scale);
  }
}
