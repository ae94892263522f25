package dev.hydra.composer.config;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigOriginFactory;
import com.typesafe.config.ConfigResolver;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Looks substitutions that the configuration has nothing for up in the environment. Numbers, true
 * and false are taken for what they are, as options do not take texts in their place.
 *
 * @param variables gives the value of a variable, null if it is not set
 */
record Environment(UnaryOperator<@Nullable String> variables) implements ConfigResolver {
  private static final Pattern LITERAL =
      Pattern.compile("true|false|-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");

  @Override
  public @Nullable ConfigValue lookup(String path) {
    String value = variables.apply(path);
    if (value == null) {
      return null;
    }
    ConfigOrigin origin = ConfigOriginFactory.newSimple("environment variable " + path);
    ConfigValue read =
        LITERAL.matcher(value).matches()
            ? ConfigFactory.parseString("v = " + value).getValue("v")
            : ConfigValueFactory.fromAnyRef(value);
    return read.withOrigin(origin);
  }

  @Override
  public ConfigResolver withFallback(ConfigResolver fallback) {
    return this; // there is nothing else to ask
  }
}
