package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import dev.hydra.api.Pass;
import dev.hydra.api.Site;
import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * A causal convolution along time, each channel on its own. Its state, {@code conv} [batch,
 * channels, kernel - 1], holds the last inputs.
 */
final class CausalConv {
  private static final String STATE = "conv";

  private final int kernel;
  private final Tensor weight;
  private final Optional<Tensor> bias;

  /** Asks for {@code conv1d.weight} [channels, 1, kernel] and {@code conv1d.bias} [channels]. */
  CausalConv(Site site, long channels, int kernel, boolean biased) {
    this.kernel = kernel;
    double bound = 1 / Math.sqrt(kernel);
    Init init = Init.uniform(-bound, bound);
    weight = site.parameter("conv1d.weight", init, channels, 1, kernel);
    bias = biased ? Optional.of(site.parameter("conv1d.bias", init, channels)) : Optional.empty();
  }

  /** [batch, time, channels] to the same. */
  Tensor forward(Tensor x, Pass pass) {
    long time = x.size(1);
    Tensor padded = withPast(x, pass);
    Tensor taps = weight.squeeze(1).t().contiguous();
    // The newest tap first: it meets every document mask.
    Tensor y = x.mul(taps.select(0, kernel - 1));
    for (int back = 1; back < kernel; back++) {
      Tensor input = padded.narrow(1, kernel - 1 - back, time);
      Tensor tap = taps.select(0, kernel - 1 - back);
      if (pass.documents().isPresent()) {
        input = input.mul(sameDocument(pass.documents().get(), back, x));
      }
      y = y.addcmul(input, tap);
    }
    return bias.isPresent() ? y.add(bias.get()) : y;
  }

  private Tensor withPast(Tensor x, Pass pass) {
    Optional<Tensor> past = pass.cache().flatMap(cache -> cache.get(STATE));
    Tensor padded =
        past.map(p -> Tensors.cat(1, p.transpose(1, 2), x))
            .orElseGet(() -> Tensors.pad(x, 1, kernel - 1, 0));
    pass.cache()
        .ifPresent(
            cache ->
                cache.put(STATE, padded.narrow(1, x.size(1), kernel - 1).transpose(1, 2).clone()));
    return padded;
  }

  /** [batch, time, 1]: 1 where the token so far back is of the same document, else 0. */
  private static Tensor sameDocument(Tensor documents, int back, Tensor like) {
    long time = documents.size(1);
    if (back >= time) {
      return Tensors.zeros(like, documents.size(0), time, 1);
    }
    Tensor same = documents.narrow(1, back, time - back).eq(documents.narrow(1, 0, time - back));
    return Tensors.cast(Tensors.pad(same, 1, back, 0), Tensors.type(like)).unsqueeze(-1);
  }
}
