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
 * @param groups groups of channels, each with a mean of its own
 * @param epsilon added to the mean square
 */
record RmsNorm(Tensor weight, long groups, double epsilon) {
  static RmsNorm of(Site site, String name, long channels, long groups, double epsilon) {
    ParameterSpec spec = ParameterSpec.of(name + ".weight", Init.ones(), channels);
    return new RmsNorm(site.parameter(spec.inFp32().withoutDecay()), groups, epsilon);
  }

  /** [..., channels] to the same. */
  Tensor apply(Tensor x) {
    Tensor scale = Tensors.cast(weight, Tensors.type(x));
    if (groups == 1) {
      return Tensors.rmsNorm(x, scale, epsilon);
    }
    Tensor grouped = x.unflatten(-1, groups, x.size(-1) / groups);
    return Tensors.rmsNorm(grouped, epsilon).flatten(-2, -1).mul(scale);
  }
}
