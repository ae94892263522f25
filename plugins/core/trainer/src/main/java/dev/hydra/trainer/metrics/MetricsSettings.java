package dev.hydra.trainer.metrics;

import com.typesafe.config.Config;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.OptionGroup;
import java.util.List;

/**
 * The settings of what is measured, the object {@code trainer.metrics}.
 *
 * @param observeEvery steps between observations of components; 0: never
 * @param observeWindows windows of held-out text that they are made on
 */
public record MetricsSettings(int observeEvery, int observeWindows) {
  private static final Option<Integer> OBSERVE_EVERY =
      Option.integer(
              "observe-every",
              "steps between observations of components (expert load, gates, memory usage), which"
                  + " are also made after the last step; 0: never")
          .atLeast(0)
          .orElse(200);
  private static final Option<Integer> OBSERVE_WINDOWS =
      Option.integer(
              "observe-windows",
              "windows of held-out text that observations are made on, in whole batches")
          .atLeast(1)
          .orElse(8);

  private static final List<Option<?>> OPTIONS = List.of(OBSERVE_EVERY, OBSERVE_WINDOWS);

  /** Returns the options of {@code trainer.metrics}, for documentation. */
  public static OptionGroup documentation() {
    return new OptionGroup("trainer.metrics", "What is measured besides every step.", OPTIONS);
  }

  /** Reads the object {@code trainer.metrics}. */
  public static MetricsSettings read(Config metrics) {
    Settings settings = Settings.read("trainer.metrics", metrics, OPTIONS);
    return new MetricsSettings(settings.get(OBSERVE_EVERY), settings.get(OBSERVE_WINDOWS));
  }

  /** Says whether components are observed after a step. */
  public boolean observes(long step, boolean last) {
    return observeEvery > 0 && (last || step % observeEvery == 0);
  }
}
