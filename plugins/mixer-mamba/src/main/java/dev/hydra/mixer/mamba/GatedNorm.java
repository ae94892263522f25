package dev.hydra.mixer.mamba;

import dev.hydra.api.Site;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Gates with {@code silu(z)} and norms by root mean square, in groups of channels: after the gate
 * (arXiv 2405.21060, section 7), before it, or not at all.
 */
final class GatedNorm {
  /** Where the norm stands. */
  enum Place {
    AFTER_GATE,
    BEFORE_GATE,
    NONE
  }

  private final Place place;
  private final Optional<RmsNorm> norm;

  /** Asks for {@code norm.weight} [channels], unless there is no norm. */
  GatedNorm(Site site, long channels) {
    place = site.get(Mamba2Factory.NORM);
    norm =
        place == Place.NONE
            ? Optional.empty()
            : Optional.of(
                RmsNorm.of(
                    site,
                    "norm",
                    channels,
                    site.get(Mamba2Factory.NORM_GROUPS),
                    site.get(Mamba2Factory.NORM_EPSILON)));
  }

  /** [batch, time, channels], twice, to the same. */
  Tensor forward(Tensor y, Tensor z) {
    Tensor gate = torch.silu(z);
    return place == Place.BEFORE_GATE ? normal(y).mul(gate) : normal(y.mul(gate));
  }

  private Tensor normal(Tensor y) {
    return norm.map(n -> n.apply(y)).orElse(y);
  }
}
