package dev.hydra.optim;

import dev.hydra.api.Option;
import java.util.List;

/** The options of {@link AdamW}, which optimizers that leave some parameters to it have, too. */
final class AdamWOptions {
  static final Option<Double> BETA1 =
      beta("beta1", "how much of the gradients' running average a step keeps").orElse(0.9);
  static final Option<Double> BETA2 =
      beta("beta2", "how much of the squared gradients' running average a step keeps").orElse(0.95);
  static final Option<Double> EPS =
      Option.decimal("eps", "added to the root of the squares' average")
          .where(value -> value > 0, "greater than 0")
          .orElse(1e-8);
  static final Option<Double> WEIGHT_DECAY =
      Option.decimal("weight-decay", "decay of weight matrices, times the learning rate")
          .atLeast(0.0)
          .orElse(0.1);

  static final List<Option<?>> ALL = List.of(BETA1, BETA2, EPS, WEIGHT_DECAY);

  private AdamWOptions() {}

  static Option<Double> beta(String name, String doc) {
    return Option.decimal(name, doc)
        .where(value -> value >= 0 && value < 1, "at least 0 and less than 1");
  }

  /**
   * Returns how a parameter is treated.
   *
   * @param member its settings
   * @param decay whether weight decay applies to it; where its group sets the decay, it does
   */
  static AdamW.Treatment treatment(ParameterGroups.Member member, boolean decay) {
    boolean decays = decay || member.sets(WEIGHT_DECAY);
    AdamW.Constants constants =
        new AdamW.Constants(
            member.settings().get(BETA1),
            member.settings().get(BETA2),
            member.settings().get(EPS),
            decays ? member.settings().get(WEIGHT_DECAY) : 0);
    return new AdamW.Treatment(constants, member.rateFactor());
  }
}
