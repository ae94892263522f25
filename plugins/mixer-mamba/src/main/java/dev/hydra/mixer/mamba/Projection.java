package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import dev.hydra.api.Site;
import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** A linear map with or without bias. */
final class Projection {
  private final Tensor weight;
  private final Optional<Tensor> bias;

  /** Asks for {@code name.weight} [out, in] and {@code name.bias} [out]. */
  Projection(Site site, String name, Init init, long in, long out, boolean biased) {
    weight = site.parameter(name + ".weight", init, out, in);
    bias =
        biased ? Optional.of(site.parameter(name + ".bias", Init.zeros(), out)) : Optional.empty();
  }

  Tensor forward(Tensor x) {
    return bias.map(b -> Tensors.linear(x, weight, b)).orElseGet(() -> Tensors.linear(x, weight));
  }
}
