package dev.hydra.optim;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.List;

/**
 * Creates schedules under which the learning rate falls along half a period of a cosine (Loshchilov
 * and Hutter, arXiv 1608.03983, equation 5).
 */
@HydraPlugin("cosine")
public final class CosineScheduleFactory implements ScheduleFactory {
  /** Creates the factory, for the registry. */
  public CosineScheduleFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Schedule create(ScheduleContext from) {
    return step -> from.fall((1 - Math.cos(Math.PI * from.progress(step))) / 2);
  }
}
