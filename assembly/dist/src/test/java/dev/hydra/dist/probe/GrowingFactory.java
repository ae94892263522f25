package dev.hydra.dist.probe;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.optim.Schedule;
import dev.hydra.optim.ScheduleContext;
import dev.hydra.optim.ScheduleFactory;
import java.util.List;

/** A schedule that breaks its contract: the learning rate grows beyond the highest. */
@HydraPlugin("growing")
public final class GrowingFactory implements ScheduleFactory {
  /** For the registry. */
  public GrowingFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Schedule create(ScheduleContext from) {
    return step -> 1 + step;
  }
}
