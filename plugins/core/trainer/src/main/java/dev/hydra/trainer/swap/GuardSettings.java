package dev.hydra.trainer.swap;

import com.typesafe.config.Config;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.util.List;
import java.util.Optional;

/**
 * The settings by which a swap of components is rolled back by itself, the object {@code
 * trainer.swap}.
 *
 * @param steps how many steps are watched after a swap; 0: none, and nothing can be rolled back
 * @param factor how many times the mean loss before the swap a loss may be
 * @param loss what a loss may be at all
 */
public record GuardSettings(int steps, double factor, Optional<Double> loss) {
  private static final Option<Integer> STEPS =
      Option.integer("guard-steps", "steps watched after a swap; 0: it cannot be rolled back")
          .atLeast(0)
          .orElse(50);
  private static final Option<Double> FACTOR =
      Option.decimal("guard-factor", "a loss above so many times the mean before rolls a swap back")
          .where(value -> value > 1, "above 1")
          .orElse(2.0);
  private static final Option<Optional<Double>> LOSS =
      Option.decimal("guard-loss", "a loss above this rolls a swap back").optional("any");

  /** Reads the object {@code trainer.swap}. */
  public static GuardSettings read(Config swap) {
    Settings settings = Settings.read("trainer.swap", swap, List.of(STEPS, FACTOR, LOSS));
    return new GuardSettings(settings.get(STEPS), settings.get(FACTOR), settings.get(LOSS));
  }
}
