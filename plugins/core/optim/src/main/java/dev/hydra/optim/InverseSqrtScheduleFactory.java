package dev.hydra.optim;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.List;
import java.util.Optional;

/**
 * Creates schedules under which the learning rate falls with the inverse square root of the steps
 * (Vaswani et al., arXiv 1706.03762, equation 3). They do not ask where the training ends.
 */
@HydraPlugin("inverse-sqrt")
public final class InverseSqrtScheduleFactory implements ScheduleFactory {
  private static final Option<Optional<Integer>> TIMESCALE =
      Option.integer("timescale", "steps after the warm-up until the learning rate is 1/sqrt(2)")
          .atLeast(1)
          .optional("as many as the warm-up takes, at least 1");

  /** Creates the factory, for the registry. */
  public InverseSqrtScheduleFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(TIMESCALE);
  }

  @Override
  public Schedule create(ScheduleContext from) {
    double timescale = from.settings().get(TIMESCALE).orElse(Math.toIntExact(from.first() + 1));
    return step ->
        Math.max(from.minRatio(), Math.sqrt(timescale / (timescale + step - from.first())));
  }
}
