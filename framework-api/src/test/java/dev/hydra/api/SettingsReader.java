package dev.hydra.api;

import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import java.util.List;

/**
 * Reads settings from texts that stand for the file {@code test.conf}, at the path {@code part}.
 */
final class SettingsReader {
  private SettingsReader() {}

  static Settings read(String hocon, Option<?>... options) {
    return Settings.read(
        "part",
        ConfigFactory.parseString(
            hocon, ConfigParseOptions.defaults().setOriginDescription("test.conf")),
        List.of(options));
  }

  /** The value of an option from {@code key = value}. */
  static <T> T value(Option<T> option, String value) {
    return read(option.name() + " = " + value, option).get(option);
  }

  /** What is said about settings that are wrong. */
  static String refusal(String hocon, Option<?>... options) {
    return message(thrown(hocon, options));
  }

  static ConfigException thrown(String hocon, Option<?>... options) {
    return assertThrows(ConfigException.class, () -> read(hocon, options));
  }

  static String message(ConfigException e) {
    return String.valueOf(e.getMessage());
  }

  /** What is said about {@code key = value}, less the place. */
  static String problem(Option<?> option, String value) {
    String message = refusal(option.name() + " = " + value, option);
    String place = "test.conf: 1: part." + option.name() + ": ";
    if (!message.startsWith(place)) {
      throw new AssertionError("no place in: " + message);
    }
    return message.substring(place.length());
  }
}
