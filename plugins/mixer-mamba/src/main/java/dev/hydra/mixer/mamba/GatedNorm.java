package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Site;
import dev.hydra.libtorch.Tensors;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** {@code rmsnorm(y * silu(z)) * weight}, the norm after the gate (arXiv 2405.21060, section 7). */
final class GatedNorm {
  private final Tensor weight;
  private final long groups;
  private final double epsilon;

  /** Asks for {@code norm.weight} [channels]; each group of channels has a mean of its own. */
  GatedNorm(Site site, long channels, long groups, double epsilon) {
    weight =
        site.parameter(
            ParameterSpec.of("norm.weight", Init.ones(), channels).inFp32().withoutDecay());
    this.groups = groups;
    this.epsilon = epsilon;
  }

  /** [batch, time, channels], twice, to the same. */
  Tensor forward(Tensor y, Tensor z) {
    Tensor gated = y.mul(torch.silu(z)).unflatten(-1, groups, y.size(-1) / groups);
    try (TensorOptional none = new TensorOptional();
        DoubleOptional eps = new DoubleOptional(epsilon)) {
      Tensor normal = torch.rms_norm(gated, new long[] {gated.size(-1)}, none, eps);
      return normal.flatten(-2, -1).mul(Tensors.cast(weight, Tensors.type(y)));
    }
  }
}
