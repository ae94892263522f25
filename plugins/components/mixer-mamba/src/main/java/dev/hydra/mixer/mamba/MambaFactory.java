package dev.hydra.mixer.mamba;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.Optional;

/**
 * Creates Mamba mixers (arXiv 2312.00752): a selective state space with a decay for every channel
 * and state element (S6), after a short causal convolution and before a gate. Linear in time, with
 * a state of constant size. Parameters are laid out as in the published models, so that their
 * weights fit; with {@code bcdt-norm} those of Jamba (arXiv 2403.19887).
 */
@HydraPlugin("mamba")
public final class MambaFactory implements ComponentFactory<Mixer> {
  static final Option<Integer> STATE =
      Option.integer("state", "state elements per channel").atLeast(1).orElse(16);
  static final Option<Optional<Integer>> DT_RANK =
      Option.integer("dt-rank", "channels that step sizes are projected through")
          .atLeast(1)
          .optional("width / 16, rounded up");
  static final Option<Integer> CHUNK =
      Option.integer("chunk", "tokens whose states exist at the same time; changes speed only")
          .atLeast(1)
          .orElse(32);
  static final Option<Boolean> BCDT_NORM =
      Option.flag("bcdt-norm", "whether dt, B and C are normed").orElse(false);
  static final Option<Double> NORM_EPSILON =
      Option.decimal("norm-epsilon", "added to the mean square in the norms of dt, B and C")
          .where(v -> v > 0, "above 0")
          .orElse(1e-6);

  /** The options of every mixer on S6. */
  static final List<Option<?>> OPTIONS =
      List.of(
          STATE,
          StateSpaceOptions.EXPAND,
          StateSpaceOptions.INNER,
          StateSpaceOptions.CONV_KERNEL,
          StateSpaceOptions.CONV_BIAS,
          StateSpaceOptions.BIAS,
          DT_RANK,
          StateSpaceOptions.DT_MIN,
          StateSpaceOptions.DT_MAX,
          CHUNK,
          BCDT_NORM,
          NORM_EPSILON);

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return OPTIONS;
  }

  @Override
  public Mixer create(Site site) {
    StateSpaceOptions.checkSteps(site);
    MambaShape shape = MambaShape.of(site);
    DenseProjections projections = DenseProjections.of(site, shape);
    return new Mamba(site, shape, (hidden, pass) -> projections);
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(MambaShape.of(site).kept(site));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    MambaShape shape = MambaShape.of(site);
    return MambaCost.dense(shape, site.width(), work.tokens())
        .plus(MambaCost.shared(site, shape, work));
  }
}
