package dev.hydra.optim;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.List;

/**
 * Creates schedules under which the learning rate stays; the last one as a part of the highest does
 * not count.
 */
@HydraPlugin("constant")
public final class ConstantScheduleFactory implements ScheduleFactory {
  /** Creates the factory, for the registry. */
  public ConstantScheduleFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Schedule create(ScheduleContext from) {
    return step -> 1;
  }
}
