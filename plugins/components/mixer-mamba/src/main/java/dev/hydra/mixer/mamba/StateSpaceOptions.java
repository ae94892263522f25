package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import dev.hydra.api.Option;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.libtorch.nn.CausalConv;
import dev.hydra.libtorch.nn.DynamicsInit;
import java.util.Optional;

/** The options that all generations of Mamba have, and what holds among them. */
final class StateSpaceOptions {
  static final Option<Integer> EXPAND =
      Option.integer("expand", "inner channels as a multiple of width").atLeast(1).orElse(2);
  static final Option<Optional<Integer>> INNER =
      Option.integer("inner", "inner channels").atLeast(1).optional("expand * width");
  static final Option<Integer> CONV_KERNEL =
      Option.integer("conv-kernel", "tokens that the convolution sees").atLeast(2).orElse(4);
  static final Option<Boolean> CONV_BIAS =
      Option.flag("conv-bias", "whether the convolution has a bias").orElse(true);
  static final Option<Boolean> BIAS =
      Option.flag("bias", "whether the input and output projections have a bias").orElse(false);
  static final Option<Double> DT_MIN =
      Option.decimal("dt-min", "smallest initial step size")
          .where(v -> v > 0, "above 0")
          .orElse(1e-3);
  static final Option<Double> DT_MAX =
      Option.decimal("dt-max", "largest initial step size")
          .where(v -> v > 0, "above 0")
          .orElse(1e-1);

  private StateSpaceOptions() {}

  /** The number of inner channels. */
  static int inner(Site site) {
    return site.get(INNER).orElse(site.get(EXPAND) * site.width());
  }

  /** The convolution of so many channels. */
  static CausalConv conv(Site site, long channels) {
    return new CausalConv(site, channels, site.get(CONV_KERNEL), site.get(CONV_BIAS));
  }

  /** How the bias of dt starts. */
  static Init stepBias(Site site) {
    return DynamicsInit.stepBias(site.get(DT_MIN), site.get(DT_MAX));
  }

  /** Checks that the range of initial step sizes is one. */
  static void checkSteps(Site site) {
    if (site.get(DT_MIN) > site.get(DT_MAX)) {
      throw site.invalid(DT_MIN, "must not be above dt-max (" + site.get(DT_MAX) + ")");
    }
  }

  /** What the convolution keeps. */
  static StateSpec convState(Site site, long channels) {
    return CausalConv.state(channels, site.get(CONV_KERNEL));
  }
}
