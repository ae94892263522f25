package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Site;
import dev.hydra.libtorch.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * A root mean square norm over the last dimension (arXiv 1910.07467).
 *
 * @param weight {@code NAME.weight} [channels]
 * @param epsilon added to the mean square
 */
record RmsNorm(Tensor weight, double epsilon) {
  static RmsNorm of(Site site, String name, long channels, double epsilon) {
    ParameterSpec spec = ParameterSpec.of(name + ".weight", Init.ones(), channels);
    return new RmsNorm(site.parameter(spec.inFp32().withoutDecay()), epsilon);
  }

  Tensor apply(Tensor x) {
    return Tensors.rmsNorm(x, Tensors.cast(weight, Tensors.type(x)), epsilon);
  }
}
