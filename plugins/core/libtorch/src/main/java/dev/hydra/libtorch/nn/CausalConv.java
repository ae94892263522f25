package dev.hydra.libtorch.nn;

import dev.hydra.api.Init;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.api.StateCache;
import dev.hydra.api.StateSpec;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A causal convolution along time, each channel on its own, and SiLU. Its state, {@code conv}
 * [batch, channels, kernel - 1], holds the last inputs.
 */
public final class CausalConv {
  private static final String STATE = "conv";

  private final int kernel;
  private final Tensor weight;
  private final Optional<Tensor> bias;

  /**
   * Asks for {@code conv1d.weight} [channels, 1, kernel] and {@code conv1d.bias} [channels].
   *
   * @param kernel the tokens that the convolution sees, at least 2
   */
  public CausalConv(Site site, long channels, int kernel, boolean biased) {
    this.kernel = kernel;
    double bound = 1 / Math.sqrt(kernel);
    Init init = Init.uniform(-bound, bound);
    weight = site.parameter("conv1d.weight", init, channels, 1, kernel);
    bias = biased ? Optional.of(site.parameter("conv1d.bias", init, channels)) : Optional.empty();
  }

  /** Returns what a convolution keeps of a text. */
  public static StateSpec state(long channels, int kernel) {
    return StateSpec.of(STATE, channels, kernel - 1L);
  }

  /**
   * Convolves [batch, time, channels] to the same; of padding come zeros. What goes in of it the
   * caller decides: published models zero what they project, so that a bias is left of padding.
   */
  public Tensor forward(Tensor x, Pass pass) {
    if (x.size(1) == 1 && pass.cache().map(StateCache::decoding).orElse(false)) {
      StateCache cache = pass.cache().orElseThrow();
      Optional<Tensor> stepped = fused(x, cache);
      if (stepped.isPresent()) {
        return stepped.get();
      }
      if (!x.is_cuda()) {
        return step(x, cache);
      }
    }
    Optional<Tensor> past = pass.cache().map(cache -> past(cache, x));
    ConvInput in = new ConvInput(x, weight, bias, pass.documents(), past);
    Tensor y =
        FusedConv.of(in)
            .map(fused -> fused.compute(in, masks(fused, pass)))
            .orElseGet(() -> ConvFunction.compute(in));
    pass.cache().ifPresent(cache -> cache.put(STATE, last(past.orElseThrow(), x)));
    return Padding.zeroed(y, pass);
  }

  /** Convolves one more token of each of several texts in place, where a kernel does that. */
  private Optional<Tensor> fused(Tensor x, StateCache cache) {
    Tensor past = cache.get(STATE).orElseThrow();
    return FusedConvStep.of(x, weight, bias, past)
        .map(fused -> fused.compute(x, weight, bias.orElse(null), past));
  }

  /** Convolves one more token of each of several texts: few operators, where each costs most. */
  private Tensor step(Tensor x, StateCache cache) {
    Tensor inputs = Tensors.cat(2, cache.get(STATE).orElseThrow(), x.transpose(1, 2));
    cache.put(STATE, inputs.narrow(2, 1, kernel - 1L));
    Tensor sum = inputs.mul(weight.squeeze(1)).sum(-1);
    return torch.silu(bias.map(sum::add).orElse(sum)).unsqueeze(1);
  }

  /** Returns the masks of the pass's documents, made once for all convolutions. */
  private static Optional<Tensor> masks(FusedConv fused, Pass pass) {
    return pass.documents().map(d -> pass.shared("conv.masks", () -> fused.masks(d)));
  }

  /** Returns the inputs before x [batch, kernel - 1, channels]. */
  private Tensor past(StateCache cache, Tensor x) {
    return cache
        .get(STATE)
        .map(state -> state.transpose(1, 2))
        .orElseGet(() -> Tensors.zeros(x, x.size(0), kernel - 1, x.size(2)));
  }

  /** Returns the state after x; a copy, so as not to keep x alive. */
  private Tensor last(Tensor past, Tensor x) {
    long time = x.size(1);
    long keep = past.size(1);
    Tensor inputs =
        time >= keep
            ? x.narrow(1, time - keep, keep)
            : Tensors.cat(1, past.narrow(1, time, keep - time), x);
    return inputs.transpose(1, 2).clone();
  }
}
