package dev.hydra.ffn.dense;

import dev.hydra.api.Init;
import dev.hydra.api.Site;
import dev.hydra.libtorch.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * {@code y = x W^T (+ b)} with the parameters {@code NAME.weight} [out, in] and {@code NAME.bias}.
 */
record Affine(Tensor weight, Optional<Tensor> bias) {
  static Affine of(Site site, String name, Init init, long out, long in) {
    Optional<Tensor> bias =
        site.get(DenseOptions.BIAS)
            ? Optional.of(site.parameter(name + ".bias", Init.zeros(), out))
            : Optional.empty();
    return new Affine(site.parameter(name + ".weight", init, out, in), bias);
  }

  Tensor apply(Tensor x) {
    return bias.isPresent() ? Tensors.linear(x, weight, bias.get()) : Tensors.linear(x, weight);
  }
}
