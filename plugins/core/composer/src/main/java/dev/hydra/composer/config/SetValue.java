package dev.hydra.composer.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigOriginFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import com.typesafe.config.ConfigValueType;
import dev.hydra.api.ConfigException;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A value given on the command line. It is HOCON where it is a number, true, false, null, in
 * quotes, a list or an object; all else is text as it stands, {@code //} and {@code #} too, with
 * substitutions in it.
 *
 * @param text all of it, {@code key=value}
 * @param key where the value goes; may name elements of lists
 * @param raw the value as it was written
 */
record SetValue(String text, String key, String raw) {
  private static final Pattern SUBSTITUTION = Pattern.compile("\\$\\{[^}]*}");

  static SetValue of(String text) {
    int equals = text.indexOf('=');
    if (equals < 1 || text.substring(0, equals).isBlank()) {
      throw new ConfigException("--set " + text + ": must be KEY=VALUE");
    }
    String key = text.substring(0, equals);
    String raw = text.substring(equals + 1);
    // With a space before it, the sign has one after it as well.
    return new SetValue(text, key.strip(), key.endsWith(" ") ? raw.strip() : raw);
  }

  /** The value, which may have substitutions that are not resolved. */
  ConfigValue value() {
    String trimmed = raw.strip();
    boolean quoted = trimmed.length() > 1 && trimmed.startsWith("\"") && trimmed.endsWith("\"");
    boolean object = trimmed.startsWith("{") && trimmed.endsWith("}");
    boolean list = trimmed.startsWith("[") && trimmed.endsWith("]");
    if (quoted || object || list) {
      return hocon(trimmed).orElseGet(this::literal);
    }
    if (SUBSTITUTION.matcher(raw).find()) {
      return hocon(substituting()).orElseGet(this::literal);
    }
    // Text is taken as it stands: HOCON would cut it at a comment, and refuse signs in it.
    return hocon(trimmed)
        .filter(value -> value.valueType() != ConfigValueType.STRING)
        .filter(
            value ->
                trimmed.equals(
                    value.valueType() == ConfigValueType.NULL
                        ? "null"
                        : value.atKey("v").getString("v")))
        .orElseGet(this::literal);
  }

  /** Whether the key names an element of a list. */
  boolean element() {
    return key.indexOf('[') >= 0;
  }

  /** The way to the element that the key names. */
  ElementPath path(ConfigObject root) {
    return new ElementPath("--set " + text, key, root);
  }

  /** A configuration of the value alone; the key names no element of a list. */
  Config config() {
    return ((ConfigObject) here(value().atPath(key).root())).toConfig();
  }

  private ConfigOrigin origin() {
    return ConfigOriginFactory.newSimple("--set " + text);
  }

  private ConfigValue literal() {
    return ConfigValueFactory.fromAnyRef(raw).withOrigin(origin());
  }

  /** The text between substitutions in quotes. */
  private String substituting() {
    StringBuilder quoted = new StringBuilder();
    Matcher matcher = SUBSTITUTION.matcher(raw);
    int done = 0;
    while (matcher.find()) {
      quote(raw.substring(done, matcher.start()), quoted);
      quoted.append(matcher.group());
      done = matcher.end();
    }
    quote(raw.substring(done), quoted);
    return quoted.toString();
  }

  private static void quote(String literal, StringBuilder to) {
    if (!literal.isEmpty()) {
      to.append(ConfigUtil.quoteString(literal));
    }
  }

  private Optional<ConfigValue> hocon(String value) {
    try {
      return Optional.ofNullable(parsed("v = " + value).root().get("v")).map(this::here);
    } catch (com.typesafe.config.ConfigException e) {
      return Optional.empty(); // then it is a text
    }
  }

  /** The value as one from the command line, which has no lines. */
  private ConfigValue here(ConfigValue value) {
    ConfigValue named = value;
    if (value instanceof ConfigObject object) {
      ConfigObject all = object;
      for (Map.Entry<String, ConfigValue> each : object.entrySet()) {
        all = all.withValue(each.getKey(), here(each.getValue()));
      }
      named = all;
    } else if (value instanceof ConfigList list) {
      named = ConfigValueFactory.fromIterable(list.stream().map(this::here).toList());
    }
    return named.withOrigin(origin());
  }

  private Config parsed(String hocon) {
    return ConfigFactory.parseString(
        hocon, ConfigParseOptions.defaults().setOriginDescription("--set " + text));
  }
}
