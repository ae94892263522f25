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
 * Creates Mamba-2 mixers (arXiv 2405.21060): a selective state space with one decay per head,
 * between a short causal convolution and a gated norm. Linear in time, with a state of constant
 * size. Parameters are laid out as in the published models, so that their weights fit.
 */
@HydraPlugin("mamba2")
public final class Mamba2Factory implements ComponentFactory<Mixer> {
  static final Option<Integer> STATE =
      Option.integer("state", "state elements per channel").atLeast(1).orElse(64);
  static final Option<Integer> HEAD_DIM =
      Option.integer("head-dim", "channels per head").atLeast(1).orElse(64);
  static final Option<Integer> GROUPS =
      Option.integer("groups", "sets of B and C, each shared by heads / groups heads")
          .atLeast(1)
          .orElse(1);
  static final Option<Integer> CHUNK =
      Option.integer("chunk", "most tokens computed as one quadratic form; changes speed only")
          .atLeast(1)
          .orElse(64);
  static final Option<Double> DT_LIMIT_LOW =
      Option.decimal("dt-limit-low", "step sizes are never smaller").atLeast(0.0).orElse(0.0);
  static final Option<Optional<Double>> DT_LIMIT_HIGH =
      Option.decimal("dt-limit-high", "step sizes are never larger")
          .where(v -> v > 0, "above 0")
          .optional("no limit");
  static final Option<Optional<Boolean>> OUT_BIAS =
      Option.flag("out-bias", "whether the output projection has a bias").optional("as bias says");
  static final Option<GatedNorm.Place> NORM =
      Option.choice("norm", GatedNorm.Place.class, "where a norm stands at the gate")
          .orElse(GatedNorm.Place.AFTER_GATE);
  static final Option<Integer> NORM_GROUPS =
      Option.integer("norm-groups", "groups of channels that the norm averages over")
          .atLeast(1)
          .orElse(1);
  static final Option<Double> NORM_EPSILON =
      Option.decimal("norm-epsilon", "added to the mean square in the norm")
          .where(v -> v > 0, "above 0")
          .orElse(1e-5);
  static final Option<Optional<List<Double>>> MULTIPLIERS =
      Option.decimals("multipliers", "factors on z, x, B, C and dt as projected")
          .where(factors -> factors.size() == 5, "five numbers")
          .optional("none");
  static final Option<InitialState> INITIAL_STATE =
      Option.choice("initial-state", InitialState.class, "the state that documents start from")
          .orElse(InitialState.ZERO);

  /** The state that documents start from. */
  enum InitialState {
    ZERO,
    LEARNED
  }

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(
        STATE,
        HEAD_DIM,
        StateSpaceOptions.EXPAND,
        StateSpaceOptions.INNER,
        GROUPS,
        StateSpaceOptions.CONV_KERNEL,
        StateSpaceOptions.CONV_BIAS,
        StateSpaceOptions.BIAS,
        OUT_BIAS,
        CHUNK,
        StateSpaceOptions.DT_MIN,
        StateSpaceOptions.DT_MAX,
        DT_LIMIT_LOW,
        DT_LIMIT_HIGH,
        NORM,
        NORM_GROUPS,
        NORM_EPSILON,
        MULTIPLIERS,
        INITIAL_STATE);
  }

  @Override
  public Mixer create(Site site) {
    Mamba2Shape shape = shape(site);
    checkSteps(site);
    return new Mamba2(site, shape);
  }

  private static void checkSteps(Site site) {
    StateSpaceOptions.checkSteps(site);
    Optional<Double> high = site.get(DT_LIMIT_HIGH);
    if (high.isPresent() && high.get() < site.get(DT_LIMIT_LOW)) {
      throw site.invalid(
          DT_LIMIT_HIGH, "must not be below dt-limit-low (" + site.get(DT_LIMIT_LOW) + ")");
    }
  }

  private static Mamba2Shape shape(Site site) {
    int inner = StateSpaceOptions.inner(site);
    int headDim = site.get(HEAD_DIM);
    if (inner % headDim != 0) {
      throw site.invalid(
          HEAD_DIM, "must divide the inner channels (" + inner + "), but is " + headDim);
    }
    int heads = inner / headDim;
    int groups = site.get(GROUPS);
    if (heads % groups != 0) {
      throw site.invalid(GROUPS, "must divide the number of heads (" + heads + ")");
    }
    if (site.get(NORM) == GatedNorm.Place.NONE && site.get(NORM_GROUPS) != 1) {
      throw site.invalid(NORM_GROUPS, "has no effect with norm = none; remove it");
    }
    if (inner % site.get(NORM_GROUPS) != 0) {
      throw site.invalid(NORM_GROUPS, "must divide the inner channels (" + inner + ")");
    }
    return new Mamba2Shape(heads, headDim, groups, site.get(STATE));
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(
        List.of(StateSpaceOptions.convState(site, shape(site).convChannels()), shape(site).kept()));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return Mamba2Cost.of(
        shape(site), site.width(), site.get(StateSpaceOptions.CONV_KERNEL), site.get(CHUNK), work);
  }
}
