package dev.hydra.dist.probe;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.optim.Schedule;
import dev.hydra.optim.ScheduleContext;
import dev.hydra.optim.ScheduleFactory;
import java.util.List;

/** A schedule of somebody else: the learning rate is halved every few steps. */
@HydraPlugin("halving")
public final class HalvingFactory implements ScheduleFactory {
  private static final Option<Integer> EVERY =
      Option.integer("every", "steps between two halvings").atLeast(1).orElse(2);

  /** For the registry. */
  public HalvingFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(EVERY);
  }

  @Override
  public Schedule create(ScheduleContext from) {
    int every = from.settings().get(EVERY);
    return step -> Math.pow(0.5, Math.floorDiv(step - from.first(), every));
  }
}
