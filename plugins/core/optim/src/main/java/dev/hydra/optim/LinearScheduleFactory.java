package dev.hydra.optim;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.List;

/** Creates schedules under which the learning rate falls along a straight line. */
@HydraPlugin("linear")
public final class LinearScheduleFactory implements ScheduleFactory {
  /** Creates the factory, for the registry. */
  public LinearScheduleFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Schedule create(ScheduleContext from) {
    return step -> from.fall(from.progress(step));
  }
}
