package dev.hydra.experiments;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.trainer.run.Stages;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a model begins as, before it is the whole one.
 *
 * @param until the part of the steps that it ends after
 * @param growIn the part of the steps in which paths that are new in it grow in
 * @param model what it has in the place of what the whole model has
 */
public record TrialStage(double until, double growIn, Config model) {
  /** Differences of decimal fractions are not exact. */
  private static final double ROUNDING = 1e-9;

  private static final Option<Double> UNTIL =
      Option.decimal("until", "the part of all steps after which the stage ends")
          .where(value -> value > 0 && value < 1, "between 0 and 1");
  static final Option<Double> GROW_IN =
      Option.decimal(
              "grow-in", "the part of all steps in which the gates of new paths rise from zero")
          .where(value -> value >= 0 && value < 1, "at least 0 and below 1")
          .orElse(0.0);
  private static final Option<Optional<ConfigValue>> MODEL =
      Option.any("model", "object", "what the model has in the place of the whole one's")
          .optional("nothing");

  static List<Option<?>> options() {
    return List.of(UNTIL, GROW_IN, MODEL);
  }

  /**
   * Reads a list of stages, in which each ends later than the one before, and not before what is
   * new in it has grown in.
   *
   * @param whole the object that they stand in, with the whole model
   */
  static List<TrialStage> readAll(String path, Config whole, ConfigValue value) {
    if (!(value instanceof ConfigList list)) {
      throw new ConfigException(value.origin(), path, "must be a list of objects");
    }
    List<TrialStage> all = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      String place = path + "[" + i + "]";
      if (!(list.get(i) instanceof ConfigObject object)) {
        throw new ConfigException(list.get(i).origin(), place, "must be an object");
      }
      Settings settings = Settings.read(place, object.toConfig(), options());
      double begin = i == 0 ? 0 : all.get(i - 1).until();
      double until = settings.get(UNTIL);
      if (until <= begin) {
        throw settings.invalid(UNTIL, "must be later than that of the stage before");
      }
      checkGrowIn(settings, begin, until);
      Stages.checkCarriesOver(object.toConfig(), whole, place + ".");
      Config model =
          object.toConfig().hasPath(MODEL.name())
              ? object.toConfig().getConfig(MODEL.name())
              : ConfigFactory.empty();
      all.add(new TrialStage(until, settings.get(GROW_IN), model));
    }
    return List.copyOf(all);
  }

  private static void checkGrowIn(Settings settings, double begin, double until) {
    double growIn = settings.get(GROW_IN);
    if (begin == 0 && growIn > 0) {
      throw settings.invalid(
          GROW_IN, "has nothing to grow into, as this is the first stage; leave it out");
    }
    if (growIn > until - begin + ROUNDING) {
      throw settings.invalid(
          GROW_IN,
          String.format(
              "is %s, but the stage has only %s of all steps; let its parts grow in fewer, or end"
                  + " it later",
              shown(growIn), shown(until - begin)));
    }
  }

  /** Writes a part of the steps, which may be a difference of others, with three digits. */
  static String shown(double part) {
    return new BigDecimal(part).round(new MathContext(3)).stripTrailingZeros().toPlainString();
  }

  /** Returns the step, of so many, that the stage ends with. */
  int end(int steps) {
    return (int) Math.round(until * steps);
  }
}
