package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.nn.CausalConv;
import dev.hydra.libtorch.nn.DynamicsInit;
import dev.hydra.libtorch.nn.GatedActivation;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.nn.Padding;
import dev.hydra.libtorch.nn.RmsNorm;
import dev.hydra.libtorch.nn.Split;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** The Mamba mixer, see {@link MambaFactory}, with projections of any kind. */
final class Mamba implements Mixer {
  static final String STATE = "ssm";

  private final MambaShape shape;
  private final int chunk;
  private final CausalConv conv;
  private final Projections.Source projections;
  private final Optional<RmsNorm> dtNorm;
  private final Optional<RmsNorm> bNorm;
  private final Optional<RmsNorm> cNorm;
  private final Tensor stepBias;
  private final Tensor decayLog;
  private final Tensor skip;
  private final Linear outProjection;

  Mamba(Site site, MambaShape shape, Projections.Source projections) {
    this.shape = shape;
    this.projections = projections;
    chunk = site.get(MambaFactory.CHUNK);
    long inner = shape.inner();
    conv = StateSpaceOptions.conv(site, inner);
    dtNorm = norm(site, "dt_layernorm", shape.dtRank());
    bNorm = norm(site, "b_layernorm", shape.state());
    cNorm = norm(site, "c_layernorm", shape.state());
    stepBias = fp32(site, "dt_proj.bias", StateSpaceOptions.stepBias(site), inner);
    decayLog = fp32(site, "A_log", DynamicsInit.decayLadder(), inner, shape.state());
    skip = fp32(site, "D", Init.ones(), inner);
    boolean biased = site.get(StateSpaceOptions.BIAS);
    outProjection = Linear.outer(site, "out_proj", site.width(), inner, biased);
  }

  private static Optional<RmsNorm> norm(Site site, String name, long channels) {
    return site.get(MambaFactory.BCDT_NORM)
        ? Optional.of(RmsNorm.of(site, name, channels, 1, site.get(MambaFactory.NORM_EPSILON)))
        : Optional.empty();
  }

  private static Tensor fp32(Site site, String name, Init init, long... sizes) {
    return site.parameter(ParameterSpec.of(name, init, sizes).inFp32().withoutDecay());
  }

  @Override
  public Tensor forward(Tensor inputs, Pass pass) {
    Tensor x = Padding.zeroed(inputs, pass); // before the projection: its bias is left
    Projections project = projections.of(x, pass);
    Tensor[] projected = Split.of(project.input(x), shape.inner(), shape.inner());
    Tensor values = conv.forward(projected[0], pass);
    Tensor[] selected =
        Split.of(project.selection(values), shape.dtRank(), shape.state(), shape.state());
    SelectiveInput input =
        new SelectiveInput(
            values,
            project.steps(normed(dtNorm, selected[0])),
            decayLog.exp().neg(),
            normed(bNorm, selected[1]),
            normed(cNorm, selected[2]),
            stepBias,
            skip,
            pass.documents(),
            pass.cache().flatMap(cache -> cache.get(STATE)).map(Tensors::upcast));
    return outProjection.apply(GatedActivation.SILU.apply(projected[1], scan(input, pass.cache())));
  }

  private static Tensor normed(Optional<RmsNorm> norm, Tensor x) {
    return norm.map(n -> n.apply(x)).orElse(x);
  }

  private Tensor scan(SelectiveInput input, Optional<StateCache> cache) {
    boolean single = cache.isPresent() && input.x().size(1) == 1;
    SelectiveScan.Output output =
        single
            ? SelectiveScan.step(input, cache.orElseThrow().decoding())
            : SelectiveScan.of(input, chunk);
    cache.ifPresent(c -> c.put(STATE, output.state()));
    return output.y();
  }
}
