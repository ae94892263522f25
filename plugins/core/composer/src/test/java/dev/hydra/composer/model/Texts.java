package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import org.junit.jupiter.api.function.Executable;

/** Configurations from texts that stand for the file {@code test.conf}. */
public final class Texts {
  private Texts() {}

  public static Config config(String hocon) {
    return ConfigFactory.parseString(
            hocon, ConfigParseOptions.defaults().setOriginDescription("test.conf"))
        .resolve();
  }

  public static ConfigValue value(String hocon) {
    return config("it = " + hocon).getValue("it");
  }

  /** What is said about a mistake in a configuration. */
  public static String refusal(Executable action) {
    return String.valueOf(assertThrows(ConfigException.class, action).getMessage());
  }
}
