package dev.hydra.optim;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** Creates {@link AdamW} optimizers. */
@HydraPlugin("adamw")
public final class AdamWFactory implements OptimizerFactory {
  private static final Option<Double> BETA1 =
      beta("beta1", "how much of the gradients' running average a step keeps").orElse(0.9);
  private static final Option<Double> BETA2 =
      beta("beta2", "how much of the squared gradients' running average a step keeps").orElse(0.95);
  private static final Option<Double> EPS =
      Option.decimal("eps", "added to the root of the squares' average")
          .where(value -> value > 0, "greater than 0")
          .orElse(1e-8);
  private static final Option<Double> WEIGHT_DECAY =
      Option.decimal("weight-decay", "decay of weight matrices, times the learning rate")
          .atLeast(0.0)
          .orElse(0.1);

  /** Creates the factory, for the registry. */
  public AdamWFactory() {}

  private static Option<Double> beta(String name, String doc) {
    return Option.decimal(name, doc)
        .where(value -> value >= 0 && value < 1, "at least 0 and less than 1");
  }

  @Override
  public List<Option<?>> options() {
    return List.of(BETA1, BETA2, EPS, WEIGHT_DECAY);
  }

  @Override
  public boolean takesWorkingGradients(Tensor master) {
    return AdamWKernels.of(master).isPresent();
  }

  @Override
  public Optimizer create(OptimizerContext from) {
    AdamW.Constants constants =
        new AdamW.Constants(
            from.settings().get(BETA1),
            from.settings().get(BETA2),
            from.settings().get(EPS),
            from.settings().get(WEIGHT_DECAY));
    return new AdamW(from.parameters(), constants, from.known());
  }
}
