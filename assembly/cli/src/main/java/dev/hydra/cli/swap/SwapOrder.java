package dev.hydra.cli.swap;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import dev.hydra.api.Registration;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.swap.SwapRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

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
  /** A plugin for all sites of its types. */
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
    Object sites = json.getOrDefault("sites", List.of());
    if (!(sites instanceof List<?> patterns)) {
      throw new IllegalArgumentException("sites must be a list");
    }
    return new SwapOrder(
        Optional.ofNullable(json.get("jar")).map(jar -> Path.of(jar.toString())),
        patterns.stream().map(String::valueOf).toList(),
        json.getOrDefault("config", "").toString(),
        SwapRequest.UnexpectedKeys.valueOf(constant(json, "policy", "error")),
        SwapRequest.State.valueOf(constant(json, "state", "refuse")),
        Duration.ofMillis(
            (long) (1000 * Json.number(json, "limit_seconds", SwapRequest.LIMIT.toSeconds()))),
        Boolean.TRUE.equals(json.get("dry_run")),
        Boolean.TRUE.equals(json.get("wait")));
  }

  /**
   * Checks that it asks for something.
   *
   * @throws UsageException if not
   */
  public void check() {
    if (jar.isEmpty() && config.isBlank()) {
      throw new UsageException("name a jar, or what is to change with --set or --config");
    }
    if (jar.isPresent() && !Files.isRegularFile(jar.get())) {
      throw new UsageException("there is no file " + jar.get());
    }
    if (!config.isBlank() && sites.isEmpty()) {
      throw new UsageException("--set and --config need --sites: name the sites that change");
    }
  }

  private static String constant(Map<String, Object> json, String key, String otherwise) {
    return json.getOrDefault(key, otherwise).toString().toUpperCase(Locale.ROOT);
  }

  /** As a request over the socket. */
  public Map<String, Object> json() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("do", "swap");
    jar.ifPresent(path -> json.put("jar", path.toAbsolutePath().normalize().toString()));
    json.put("sites", sites);
    json.put("config", config);
    json.put("policy", unexpectedKeys.name().toLowerCase(Locale.ROOT));
    json.put("state", state.name().toLowerCase(Locale.ROOT));
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
