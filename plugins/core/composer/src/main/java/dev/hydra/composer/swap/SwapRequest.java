package dev.hydra.composer.swap;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigRenderOptions;
import dev.hydra.api.Registration;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A request to swap components of a running model; begin with {@link #to} or {@link #configure}.
 *
 * @param registrations component types to use, before those of the model; children too
 * @param sites patterns of the sites, such as {@code blocks.*.ffn} or {@code blocks.3.ffn.router},
 *     in which {@code *} stands for anything without a dot; empty: every site that has a type of
 *     the registrations
 * @param config the configuration there from now on. Without a {@code type}, or with the same, it
 *     is laid over the options that are set. Empty: the options stay
 * @param unexpectedKeys what becomes of parameters that the new component does not ask for
 * @param state what becomes of a decoding state that does not fit the new component
 * @param dryRun whether to build and probe only
 * @param limit how long building and probing may take
 */
public record SwapRequest(
    List<Registration> registrations,
    List<String> sites,
    Optional<Config> config,
    UnexpectedKeys unexpectedKeys,
    State state,
    boolean dryRun,
    Duration limit) {
  /** The time limit for building and probing if nothing is said. */
  public static final Duration LIMIT = Duration.ofSeconds(60);

  /**
   * The policy for parameters that the new component does not ask for, or asks for in another
   * shape: those begin anew.
   */
  public enum UnexpectedKeys {
    /** The swap is refused. */
    ERROR,
    /** They are dropped. */
    DROP,
    /**
     * They stay in the model and its checkpoints, frozen and unused. Refused if one of that name
     * and another shape is asked for.
     */
    KEEP
  }

  /** The policy for a decoding state whose names or shapes are not those of the new component. */
  public enum State {
    /** The swap is refused. */
    REFUSE,
    /** The site forgets the tokens so far. */
    RESET
  }

  /** Checks the request and copies its lists. */
  public SwapRequest {
    registrations = List.copyOf(registrations);
    sites = List.copyOf(sites);
    if (registrations.isEmpty() && config.isEmpty()) {
      throw new IllegalArgumentException("a swap needs a component type or a configuration");
    }
    if (config.isPresent() && sites.isEmpty()) {
      throw new IllegalArgumentException("a swap by configuration needs the sites that it is for");
    }
  }

  /** Requests these versions of component types at every site of these types. */
  public static SwapRequest to(Registration... registrations) {
    return new SwapRequest(
        List.of(registrations),
        List.of(),
        Optional.empty(),
        UnexpectedKeys.ERROR,
        State.REFUSE,
        false,
        LIMIT);
  }

  /** Requests another configuration at sites. */
  public static SwapRequest configure(Config config, String... sites) {
    return new SwapRequest(
        List.of(),
        List.of(sites),
        Optional.of(config),
        UnexpectedKeys.ERROR,
        State.REFUSE,
        false,
        LIMIT);
  }

  /** Returns this request for these sites only. */
  public SwapRequest at(String... patterns) {
    return new SwapRequest(
        registrations, List.of(patterns), config, unexpectedKeys, state, dryRun, limit);
  }

  /** Returns this request with a policy for unexpected keys. */
  public SwapRequest withUnexpectedKeys(UnexpectedKeys policy) {
    return new SwapRequest(registrations, sites, config, policy, state, dryRun, limit);
  }

  /** Returns this request with a policy for decoding states that do not fit. */
  public SwapRequest state(State policy) {
    return new SwapRequest(registrations, sites, config, unexpectedKeys, policy, dryRun, limit);
  }

  /** Returns this request, built and probed only. */
  public SwapRequest dry() {
    return new SwapRequest(registrations, sites, config, unexpectedKeys, state, true, limit);
  }

  /** Returns this request with another time limit. */
  public SwapRequest within(Duration newLimit) {
    return new SwapRequest(registrations, sites, config, unexpectedKeys, state, dryRun, newLimit);
  }

  /** Describes in words what is asked for. */
  String describe() {
    List<String> words = new ArrayList<>();
    registrations.forEach(each -> words.add(SwapReport.Version.of(each).toString()));
    config.ifPresent(each -> words.add(each.root().render(ConfigRenderOptions.concise())));
    return String.join(", ", words)
        + (sites.isEmpty() ? "" : " at " + String.join(", ", sites))
        + (dryRun ? ", dry" : "");
  }
}
