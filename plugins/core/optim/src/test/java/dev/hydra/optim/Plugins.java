package dev.hydra.optim;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Settings;
import java.util.List;

/** The plugins of this module, and some of others. */
final class Plugins {
  private Plugins() {}

  static final PluginRegistry ALL =
      PluginRegistry.of(
          new AdamWFactory(),
          new LionFactory(),
          new MuonFactory(),
          new CosineScheduleFactory(),
          new LinearScheduleFactory(),
          new ConstantScheduleFactory(),
          new WsdScheduleFactory(),
          new InverseSqrtScheduleFactory(),
          new Stepwise(),
          new Greedy());

  static Settings noSettings() {
    return Settings.read("", ConfigFactory.empty(), List.of());
  }

  /** A schedule that falls to a half after so many steps. */
  @HydraPlugin("stepwise")
  static final class Stepwise implements ScheduleFactory {
    private static final Option<Integer> EVERY =
        Option.integer("every", "steps").atLeast(1).orElse(10);

    @Override
    public List<Option<?>> options() {
      return List.of(EVERY);
    }

    @Override
    public Schedule create(ScheduleContext from) {
      int every = from.settings().get(EVERY);
      if (every > from.last() - from.first()) {
        throw from.settings().invalid(EVERY, "is longer than the training");
      }
      return step -> Math.pow(0.5, Math.floorDiv(step - from.first(), every));
    }
  }

  /** An optimizer with an option of a name that every optimizer has. */
  @HydraPlugin("greedy")
  static final class Greedy implements OptimizerFactory {
    @Override
    public List<Option<?>> options() {
      return List.of(Option.decimal("clip", "its own").orElse(1.0));
    }

    @Override
    public Optimizer create(OptimizerContext from) {
      throw new UnsupportedOperationException();
    }
  }
}
