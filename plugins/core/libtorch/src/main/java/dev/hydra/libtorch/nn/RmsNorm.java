package dev.hydra.libtorch.nn;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Site;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
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
    return Norms.of(input(x));
  }

  /**
   * Normalises what {@code silu(z)} has gated: {@code norm(x silu(z))}.
   *
   * @param x [..., channels]
   * @param z of the same shape
   */
  public LinearInput ofGated(Tensor x, Tensor z) {
    return gated(x, z, false);
  }

  /**
   * Normalises, then gates: {@code norm(x) silu(z)}.
   *
   * @param x [..., n * channels]: with one group of channels, n of them side by side are normalised
   *     each on its own, by the same weights
   * @param z of the same shape
   */
  public LinearInput thenGated(Tensor x, Tensor z) {
    return gated(x, z, true);
  }

  private LinearInput gated(Tensor x, Tensor z, boolean normFirst) {
    GatedNormInput in = new GatedNormInput(input(x), z, normFirst);
    return FusedGatedNorm.of(in)
        .map(fused -> LinearInput.of(fused, x, z, weight))
        .orElseGet(() -> LinearInput.of(in.plain()));
  }

  private NormInput input(Tensor x) {
    return new NormInput(
        x,
        Optional.empty(),
        Optional.of(weight),
        weight.size(0) / groups,
        1,
        epsilon,
        Tensors.type(x));
  }
}
