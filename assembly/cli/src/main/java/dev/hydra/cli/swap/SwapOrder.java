package dev.hydra.cli.swap;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import dev.hydra.api.Names;
import dev.hydra.api.Registration;
import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.swap.SwapRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A wish to swap, as it goes from a command to the training.
 *
 * @param jar the plugin, if there is a new one
 * @param sites patterns; empty: wherever the plugin's types stand
 * @param config HOCON that is laid over the sites' options; empty: none
 * @param unexpectedKeys what becomes of parameters that the new components do not ask for
 * @param state what becomes of a decoding state that does not fit
 * @param limit how long building and probing may take
 * @param dryRun whether to build and probe only
 * @param awaitVerdict whether to wait until the swap is confirmed or rolled back
 */
public record SwapOrder(
    Optional<Path> jar,
    List<String> sites,
    String config,
    SwapRequest.UnexpectedKeys unexpectedKeys,
    SwapRequest.State state,
    Duration limit,
    boolean dryRun,
    boolean awaitVerdict) {
  private static final Set<String> KEYS =
      Set.of("do", "jar", "sites", "config", "policy", "state", "limit_seconds", "dry_run", "wait");

  /** Orders a plugin for all sites of its types. */
  public static SwapOrder of(Path jar) {
    return new SwapOrder(
        Optional.of(jar),
        List.of(),
        "",
        SwapRequest.UnexpectedKeys.ERROR,
        SwapRequest.State.REFUSE,
        SwapRequest.LIMIT,
        false,
        false);
  }

  /**
   * Reads {@link #json}.
   *
   * @throws IllegalArgumentException if it is something else
   */
  public static SwapOrder read(Map<String, Object> json) {
    for (String key : json.keySet()) {
      if (!KEYS.contains(key)) {
        throw new IllegalArgumentException(Names.unknown("key", key, KEYS));
      }
    }
    Object sites = json.getOrDefault("sites", List.of());
    if (!(sites instanceof List<?> patterns)
        || !patterns.stream().allMatch(String.class::isInstance)) {
      throw new IllegalArgumentException("sites must be a list of texts");
    }
    return new SwapOrder(
        Optional.of(text(json, "jar", "")).filter(jar -> !jar.isBlank()).map(Path::of),
        patterns.stream().map(String::valueOf).toList(),
        text(json, "config", ""),
        constant(json, "policy", SwapRequest.UnexpectedKeys.ERROR),
        constant(json, "state", SwapRequest.State.REFUSE),
        limit(json),
        flag(json, "dry_run"),
        flag(json, "wait"));
  }

  private static String text(Map<String, Object> json, String key, String otherwise) {
    if (json.getOrDefault(key, otherwise) instanceof String text) {
      return text;
    }
    throw new IllegalArgumentException(key + " must be a text, but is " + json.get(key));
  }

  private static boolean flag(Map<String, Object> json, String key) {
    if (json.getOrDefault(key, false) instanceof Boolean flag) {
      return flag;
    }
    throw new IllegalArgumentException(key + " must be true or false, but is " + json.get(key));
  }

  private static Duration limit(Map<String, Object> json) {
    Object given = json.getOrDefault("limit_seconds", SwapRequest.LIMIT.toSeconds());
    if (given instanceof Number seconds && seconds.doubleValue() > 0) {
      return Duration.ofMillis((long) (1000 * seconds.doubleValue()));
    }
    throw new IllegalArgumentException("limit_seconds must be a number above 0, but is " + given);
  }

  private static <T extends Enum<T>> T constant(Map<String, Object> json, String key, T otherwise) {
    String given = text(json, key, lower(otherwise));
    T[] all = otherwise.getDeclaringClass().getEnumConstants();
    return Arrays.stream(all)
        .filter(each -> lower(each).equals(given))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    Names.unknown(key, given, Arrays.stream(all).map(SwapOrder::lower).toList())));
  }

  private static String lower(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  /**
   * Checks that it asks for something.
   *
   * @throws UsageException if not
   */
  public void check() {
    if (jar.isEmpty() && config.isBlank()) {
      throw new UsageException("name a jar, or options that are to change");
    }
    if (jar.isPresent() && !Files.isRegularFile(jar.get())) {
      throw new UsageException("there is no file " + jar.get());
    }
    if (!config.isBlank() && sites.isEmpty()) {
      throw new UsageException("options that are to change need sites: name those that change");
    }
  }

  /** Writes it as a request over the socket. */
  public Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("do", "swap");
    jar.ifPresent(path -> json.put("jar", path.toAbsolutePath().normalize().toString()));
    json.put("sites", sites);
    json.put("config", config);
    json.put("policy", lower(unexpectedKeys));
    json.put("state", lower(state));
    json.put("limit_seconds", limit.toMillis() / 1e3);
    json.put("dry_run", dryRun);
    json.put("wait", awaitVerdict);
    return json;
  }

  /**
   * As a request to the trainer.
   *
   * @param types what the plugin offers
   * @throws IllegalArgumentException if something is lacking
   * @throws com.typesafe.config.ConfigException if the configuration is not HOCON
   */
  SwapRequest request(List<Registration> types) {
    Optional<Config> options =
        config.isBlank()
            ? Optional.empty()
            : Optional.of(
                ConfigFactory.parseString(
                        config,
                        ConfigParseOptions.defaults().setOriginDescription("the swap's options"))
                    .resolve());
    return new SwapRequest(types, sites, options, unexpectedKeys, state, dryRun, limit);
  }
}
