package dev.hydra.mixer.mamba;

import dev.hydra.api.Site;
import dev.hydra.libtorch.nn.GatedActivation;
import dev.hydra.libtorch.nn.LinearInput;
import dev.hydra.libtorch.nn.RmsNorm;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Gates with {@code silu(z)} and norms by root mean square: after the gate (arXiv 2405.21060,
 * section 7), before it, or not at all.
 *
 * @param place where the norm stands
 * @param norm {@code norm.weight} [channels]; empty if there is none
 */
record GatedNorm(Place place, Optional<RmsNorm> norm) {
  /** Where the norm stands. */
  enum Place {
    AFTER_GATE,
    BEFORE_GATE,
    NONE
  }

  static GatedNorm of(Site site, long channels) {
    Place place = site.get(Mamba2Factory.NORM);
    if (place == Place.NONE) {
      return new GatedNorm(place, Optional.empty());
    }
    int groups = site.get(Mamba2Factory.NORM_GROUPS);
    double epsilon = site.get(Mamba2Factory.NORM_EPSILON);
    return new GatedNorm(place, Optional.of(RmsNorm.of(site, "norm", channels, groups, epsilon)));
  }

  /** [batch, time, channels], twice, to the same. */
  LinearInput forward(Tensor y, Tensor z) {
    return norm.map(n -> place == Place.BEFORE_GATE ? n.thenGated(y, z) : n.ofGated(y, z))
        .orElseGet(() -> GatedActivation.SILU.apply(z, y));
  }
}
