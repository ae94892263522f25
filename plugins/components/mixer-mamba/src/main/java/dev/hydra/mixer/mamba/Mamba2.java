package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.nn.CausalConv;
import dev.hydra.libtorch.nn.DynamicsInit;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.nn.Padding;
import dev.hydra.libtorch.nn.Split;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** The Mamba-2 mixer, see {@link Mamba2Factory}. */
final class Mamba2 implements Mixer {
  static final String STATE = "ssm";

  private final Mamba2Shape shape;
  private final int chunk;
  private final SsdInput.Limits limits;
  private final Linear inProjection;
  private final Linear outProjection;
  private final CausalConv conv;
  private final GatedNorm norm;
  private final Tensor stepBias;
  private final Tensor decayLog;
  private final Tensor skip;
  private final Optional<LearnedState> learned;
  private final Optional<List<Double>> multipliers;

  Mamba2(Site site, Mamba2Shape shape) {
    this.shape = shape;
    chunk = site.get(Mamba2Factory.CHUNK);
    limits =
        new SsdInput.Limits(
            site.get(Mamba2Factory.DT_LIMIT_LOW), site.get(Mamba2Factory.DT_LIMIT_HIGH));
    multipliers = site.get(Mamba2Factory.MULTIPLIERS);
    boolean biased = site.get(StateSpaceOptions.BIAS);
    inProjection = Linear.inner(site, "in_proj", shape.projected(), site.width(), biased);
    conv = StateSpaceOptions.conv(site, shape.convChannels());
    stepBias = perHead(site, "dt_bias", StateSpaceOptions.stepBias(site));
    decayLog = perHead(site, "A_log", DynamicsInit.decayRates());
    skip = perHead(site, "D", Init.ones());
    norm = GatedNorm.of(site, shape.inner());
    learned =
        site.get(Mamba2Factory.INITIAL_STATE) == Mamba2Factory.InitialState.LEARNED
            ? Optional.of(LearnedState.of(site, shape))
            : Optional.empty();
    outProjection =
        Linear.outer(
            site,
            "out_proj",
            site.width(),
            shape.inner(),
            site.get(Mamba2Factory.OUT_BIAS).orElse(biased));
  }

  private Tensor perHead(Site site, String name, Init init) {
    return site.parameter(ParameterSpec.of(name, init, shape.heads()).inFp32().withoutDecay());
  }

  @Override
  public Tensor forward(Tensor x, Pass pass) {
    // Of padding only biases are left: the state decays by that of the step, and the convolution of
    // the tokens after it sees that of the projection.
    Projected projected = project(Padding.zeroed(x, pass));
    long inner = shape.inner();
    Tensor[] parts =
        Split.of(
            conv.forward(projected.mixed, pass), inner, shape.projections(), shape.projections());
    Tensor values = parts[0].unflatten(-1, shape.heads(), shape.headDim());
    SsdInput input =
        new SsdInput(
            values,
            projected.dt,
            decayLog,
            parts[1].unflatten(-1, shape.groups(), shape.state()),
            parts[2].unflatten(-1, shape.groups(), shape.state()),
            stepBias,
            skip,
            limits,
            pass.documents(),
            before(x.size(0), pass));
    Tensor y = scan(input, pass.cache());
    return outProjection.apply(norm.forward(y.flatten(2, 3), projected.z));
  }

  /** What comes of the input projection; x, B and C side by side. */
  private record Projected(Tensor z, Tensor mixed, Tensor dt) {}

  private Projected project(Tensor x) {
    long inner = shape.inner();
    Tensor all = inProjection.applyAligned(x);
    if (multipliers.isEmpty()) {
      Tensor[] parts = Split.of(all, inner, shape.convChannels(), shape.heads());
      return new Projected(parts[0], parts[1], parts[2]);
    }
    long[] sizes = {inner, inner, shape.projections(), shape.projections(), shape.heads()};
    Tensor[] parts = Split.of(all, sizes);
    Tensor[] scaled = new Tensor[sizes.length];
    Arrays.setAll(scaled, i -> Tensors.mul(parts[i], multipliers.get().get(i)));
    return new Projected(scaled[0], Tensors.cat(-1, scaled[1], scaled[2], scaled[3]), scaled[4]);
  }

  /**
   * The state before the first token, where it is one for a whole row; as it is kept only where it
   * may be changed in place.
   */
  private Optional<Tensor> before(long batch, Pass pass) {
    return pass.cache()
        .flatMap(
            cache -> cache.get(STATE).map(kept -> cache.decoding() ? kept : Tensors.upcast(kept)))
        .or(
            () ->
                pass.documents().isPresent()
                    ? Optional.empty()
                    : learned.map(l -> l.before(batch)));
  }

  private Ssd.Output output(SsdInput input, Optional<StateCache> cache) {
    if (cache.isEmpty() || input.x().size(1) > 1) {
      return Ssd.of(input, chunk);
    }
    return cache
        .filter(StateCache::decoding)
        .flatMap(here -> FusedSsdStep.of(input))
        .map(fused -> fused.compute(input))
        .orElseGet(() -> Ssd.step(input, cache.orElseThrow().decoding()));
  }

  private Tensor scan(SsdInput input, Optional<StateCache> cache) {
    Ssd.Output output = output(input, cache);
    cache.ifPresent(c -> c.put(STATE, output.state()));
    return learned
        .flatMap(l -> input.documents().map(d -> output.y().add(l.read(input.scan(), d))))
        .orElse(output.y());
  }
}
