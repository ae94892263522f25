package dev.hydra.trainer.run;

import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a stage ends, counted from the beginning of the training.
 *
 * @param count steps or tokens
 * @param tokens whether it counts tokens
 */
record StageEnd(long count, boolean tokens) {
  private static final Pattern TOKENS =
      Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*([kKMGB]?)\\s*tokens?");

  /**
   * Reads {@code 400} or {@code "20M tokens"}.
   *
   * @throws ConfigException if it is something else
   */
  static StageEnd read(ConfigValue value, String path) {
    Object raw = value.unwrapped();
    if (raw instanceof Number number
        && number.doubleValue() == number.longValue()
        && number.longValue() > 0) {
      return new StageEnd(number.longValue(), false);
    }
    Matcher matcher = TOKENS.matcher(String.valueOf(raw).strip());
    if (matcher.matches()) {
      double count = Double.parseDouble(matcher.group(1)) * unit(matcher.group(2));
      if (count >= 1) {
        return new StageEnd((long) count, true);
      }
    }
    throw new ConfigException(
        value.origin(),
        path,
        "must be a number of steps, such as 400, or of tokens, such as \"20M tokens\", but is "
            + value.render());
  }

  private static double unit(String letter) {
    return switch (letter) {
      case "k", "K" -> 1e3;
      case "M" -> 1e6;
      case "G", "B" -> 1e9;
      default -> 1;
    };
  }

  /**
   * Returns the step that it is.
   *
   * @param begin the step before the stage's first
   * @param before the tokens of the steps until then
   * @param perStep the tokens of each of the stage's steps
   */
  long step(long begin, long before, long perStep) {
    return tokens ? begin + Math.max(0, (count - before + perStep - 1) / perStep) : count;
  }
}
