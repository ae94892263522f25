package dev.hydra.mixer.deltanet;

import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.nn.CausalConv;
import dev.hydra.libtorch.nn.DynamicsInit;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.nn.Norms;
import dev.hydra.libtorch.nn.Padding;
import dev.hydra.libtorch.nn.RmsNorm;
import dev.hydra.libtorch.nn.Split;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** The mixer of Gated Delta Networks, see {@link GatedDeltaNetFactory}. */
final class GatedDeltaNet implements Mixer {
  static final String STATE = "delta";

  /** Added to the square of the length of queries and keys. */
  private static final double LENGTH_EPSILON = 1e-6;

  private static final double SMALLEST_STEP = 1e-3;
  private static final double LARGEST_STEP = 1e-1;

  private final DeltaNetShape shape;
  private final int chunk;
  private final double mostWritten;
  private final Linear inProjection;
  private final Linear ratesProjection;
  private final CausalConv conv;
  private final Tensor stepBias;
  private final Tensor decayLog;
  private final RmsNorm norm;
  private final Linear outProjection;

  GatedDeltaNet(Site site, DeltaNetShape shape) {
    this.shape = shape;
    chunk = site.get(GatedDeltaNetFactory.CHUNK);
    mostWritten = site.get(GatedDeltaNetFactory.NEGATIVE_EIGENVALUES) ? 2 : 1;
    inProjection = Linear.inner(site, "in_proj_qkvz", shape.projected(), site.width(), false);
    ratesProjection =
        Linear.inner(site, "in_proj_ba", 2L * shape.valueHeads(), site.width(), false);
    int kernel = site.get(GatedDeltaNetFactory.CONV_KERNEL);
    conv = new CausalConv(site, shape.convChannels(), kernel, false);
    stepBias = perHead(site, "dt_bias", DynamicsInit.stepBias(SMALLEST_STEP, LARGEST_STEP));
    decayLog = perHead(site, "A_log", DynamicsInit.decayRates());
    norm =
        RmsNorm.of(site, "norm", shape.valueDim(), 1, site.get(GatedDeltaNetFactory.NORM_EPSILON));
    outProjection = Linear.outer(site, "out_proj", site.width(), shape.values(), false);
  }

  private Tensor perHead(Site site, String name, Init init) {
    return site.parameter(ParameterSpec.of(name, init, shape.valueHeads()).inFp32().withoutDecay());
  }

  @Override
  public Tensor forward(Tensor inputs, Pass pass) {
    Tensor x = Padding.zeroed(inputs, pass);
    long values = shape.shared() * shape.valueDim();
    Tensor[] projected =
        perKeyHead(inProjection, x, shape.headDim(), shape.headDim(), values, values);
    Tensor[] rates = perKeyHead(ratesProjection, x, shape.shared(), shape.shared());
    Tensor mixed =
        Tensors.cat(
            -1, projected[0].flatten(2, 3), projected[1].flatten(2, 3), projected[2].flatten(2, 3));
    Tensor[] parts =
        Split.of(conv.forward(mixed, pass), shape.keys(), shape.keys(), shape.values());
    GatedDeltaRule.Input input =
        new GatedDeltaRule.Input(
            heads(parts[0], 1 / Math.sqrt(shape.headDim())),
            heads(parts[1], 1),
            parts[2].unflatten(-1, shape.valueHeads(), shape.valueDim()),
            logDecays(rates[1].flatten(2, 3)),
            Tensors.upcast(rates[0].flatten(2, 3)),
            mostWritten,
            pass.documents(),
            pass.cache().flatMap(cache -> cache.get(STATE)).map(Tensors::upcast));
    Tensor y = apply(input, pass.cache()).flatten(2, 3).unflatten(-1, shape.heads(), values);
    Tensor gate = projected[3];
    // Kernels read it in place; a CPU computes silu faster where all of it is contiguous.
    Tensor z = gate.is_cuda() ? gate : gate.contiguous();
    return outProjection.apply(norm.thenGated(y, z).flattened());
  }

  /** A projection of x, cut into parts [batch, time, heads, size] as each key head has them. */
  private Tensor[] perKeyHead(Linear projection, Tensor x, long... sizes) {
    return Split.of(projection.apply(x).unflatten(-1, shape.heads(), -1), sizes);
  }

  /** Queries or keys [batch, time, keys] of a length [batch, time, valueHeads, headDim]. */
  private Tensor heads(Tensor tensor, double length) {
    long dim = shape.headDim();
    // Of root mean square 1 they would be of length sqrt(dim).
    Tensor scaled =
        Norms.rms(tensor, dim, length / Math.sqrt(dim), LENGTH_EPSILON / dim)
            .unflatten(-1, shape.heads(), dim);
    return shape.shared() == 1
        ? scaled
        : scaled.unsqueeze(3).expand(-1, -1, -1, shape.shared(), -1).flatten(2, 3);
  }

  /** The log decays [batch, time, valueHeads], float32 or float64. */
  private Tensor logDecays(Tensor steps) {
    return torch.softplus(Tensors.upcast(steps).add(stepBias)).mul(decayLog.exp().neg());
  }

  private Tensor apply(GatedDeltaRule.Input input, Optional<StateCache> cache) {
    boolean single = cache.isPresent() && input.v().size(1) == 1;
    GatedDeltaRule.Output output =
        single
            ? GatedDeltaRule.step(input, cache.orElseThrow().decoding())
            : GatedDeltaRule.of(input, chunk);
    cache.ifPresent(c -> c.put(STATE, output.state()));
    return output.y();
  }
}
