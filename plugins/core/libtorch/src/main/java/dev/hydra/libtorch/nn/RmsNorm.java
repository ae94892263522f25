package dev.hydra.libtorch.nn;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Site;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * A root mean square norm over the last dimension (arXiv 1910.07467).
 *
 * @param weight {@code NAME.weight} [channels]
 * @param groups groups of channels, each with a mean of its own
 * @param epsilon added to the mean square
 */
public record RmsNorm(Tensor weight, long groups, double epsilon) {
  /** Asks for {@code NAME.weight} [channels], at first ones and kept in float32. */
  public static RmsNorm of(Site site, String name, long channels, long groups, double epsilon) {
    ParameterSpec spec = ParameterSpec.of(name + ".weight", Init.ones(), channels);
    return new RmsNorm(site.parameter(spec.inFp32().withoutDecay()), groups, epsilon);
  }

  /** Normalises [..., channels] to the same. */
  public Tensor apply(Tensor x) {
    Tensor scale = Tensors.cast(weight, Tensors.type(x));
    if (groups == 1) {
      return Tensors.rmsNorm(x, scale, epsilon);
    }
    Tensor grouped = x.unflatten(-1, groups, x.size(-1) / groups);
    return Tensors.rmsNorm(grouped, epsilon).flatten(-2, -1).mul(scale);
  }
}
