package dev.hydra.optim;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.List;

/** Creates {@link Lion} optimizers. */
@HydraPlugin("lion")
public final class LionFactory implements OptimizerFactory {
  private static final Option<Double> BETA1 =
      AdamWOptions.beta("beta1", "how much of the average goes into the direction of a step")
          .orElse(0.9);
  private static final Option<Double> BETA2 =
      AdamWOptions.beta("beta2", "how much of the gradients' running average a step keeps")
          .orElse(0.99);
  private static final Option<Double> WEIGHT_DECAY =
      Option.decimal("weight-decay", "decay of weight matrices, times the learning rate")
          .atLeast(0.0)
          .orElse(1.0);

  /** Creates the factory, for the registry. */
  public LionFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(BETA1, BETA2, WEIGHT_DECAY);
  }

  @Override
  public boolean takesGroups() {
    return true;
  }

  @Override
  public boolean takesDenseTables() {
    return true;
  }

  @Override
  public Optimizer create(OptimizerContext from) {
    return new Lion(
        from.parameters(),
        each -> treatment(from.groups().of(each.name()), each.decay()),
        from.known());
  }

  private static Lion.Treatment treatment(ParameterGroups.Member member, boolean decay) {
    return new Lion.Treatment(
        member.settings().get(BETA1),
        member.settings().get(BETA2),
        decay || member.sets(WEIGHT_DECAY) ? member.settings().get(WEIGHT_DECAY) : 0,
        member.rateFactor());
  }
}
