package dev.hydra.trainer.swap;

import com.typesafe.config.Config;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.OptionGroup;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The settings by which a swap of components is rolled back by itself, the object {@code
 * trainer.swap}.
 *
 * <p>The guard lasts until both its steps and its time are over; the losses of its steps are
 * judged.
 *
 * @param steps how many steps are watched after a swap; 0: none, and nothing can be rolled back
 * @param time how long a swap is watched at least
 * @param factor how many times the mean loss before the swap a loss may be
 * @param loss what a loss may be at all
 */
public record GuardSettings(int steps, Duration time, double factor, Optional<Double> loss) {
  private static final Option<Integer> STEPS =
      Option.integer("guard-steps", "steps watched after a swap; 0: it cannot be rolled back")
          .atLeast(0)
          .orElse(50);
  private static final Option<Duration> TIME =
      Option.duration(
              "guard-time",
              "how long a swap can be rolled back at least, also after the steps, whose losses are"
                  + " judged")
          .orElse(Duration.ofSeconds(30));
  private static final Option<Double> FACTOR =
      Option.decimal("guard-factor", "a loss above so many times the mean before rolls a swap back")
          .where(value -> value > 1, "above 1")
          .orElse(2.0);
  private static final Option<Optional<Double>> LOSS =
      Option.decimal("guard-loss", "a loss above this rolls a swap back").optional("any");

  private static final List<Option<?>> OPTIONS = List.of(STEPS, TIME, FACTOR, LOSS);

  /** Returns the options of {@code trainer.swap}, for documentation. */
  public static OptionGroup documentation() {
    return new OptionGroup(
        "trainer.swap", "When a swap of components is rolled back by itself.", OPTIONS);
  }

  /** Reads the object {@code trainer.swap}. */
  public static GuardSettings read(Config swap) {
    Settings settings = Settings.read("trainer.swap", swap, OPTIONS);
    return new GuardSettings(
        settings.get(STEPS), settings.get(TIME), settings.get(FACTOR), settings.get(LOSS));
  }
}
