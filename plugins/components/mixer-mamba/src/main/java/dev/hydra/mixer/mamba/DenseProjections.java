package dev.hydra.mixer.mamba;

import dev.hydra.api.Site;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * The same projections for every token.
 *
 * @param in {@code in_proj} [2 inner, width]
 * @param select {@code x_proj} [dtRank + 2 state, inner]
 * @param step {@code dt_proj.weight} [inner, dtRank]
 */
record DenseProjections(Linear in, Linear select, Tensor step) implements Projections {
  static DenseProjections of(Site site, MambaShape shape) {
    long inner = shape.inner();
    boolean biased = site.get(StateSpaceOptions.BIAS);
    return new DenseProjections(
        Linear.inner(site, "in_proj", 2 * inner, site.width(), biased),
        Linear.inner(site, "x_proj", shape.selected(), inner, false),
        site.parameter("dt_proj.weight", shape.stepInit(), inner, shape.dtRank()));
  }

  @Override
  public Tensor input(Tensor hidden) {
    return in.apply(hidden);
  }

  @Override
  public Tensor selection(Tensor x) {
    return select.apply(x);
  }

  @Override
  public Tensor steps(Tensor dt) {
    return Tensors.linear(dt, step);
  }
}
