package dev.hydra.composer.spec;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.OptionGroup;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A path of a block: a component, where it stands and how it is gated.
 *
 * @param name what its parameters are named below the block
 * @param role the component's role
 * @param config the component's configuration
 * @param configPath where that stands
 * @param inputScale what its normed input is multiplied by
 * @param scale what its output is multiplied by, besides the gate
 * @param recompute whether a training step computes it again in backward
 * @param gate how much of its output counts
 * @param at the blocks that have it; empty for all
 */
public record PathSpec(
    String name,
    Role role,
    Config config,
    String configPath,
    double inputScale,
    double scale,
    boolean recompute,
    GateSpec gate,
    Optional<Slice> at) {
  private static final List<Role> ROLES = List.of(Role.MIXER, Role.FEED_FORWARD, Role.MEMORY);
  private static final Option<Optional<String>> NAME =
      Option.text("name", "what the path's parameters are named below the block")
          .where(
              name -> name.matches("[A-Za-z][A-Za-z0-9_-]*"),
              "a letter, then letters, digits, -, _")
          .where(
              name -> !name.matches("norm|.*-(norm|gate)"),
              "other than norm, ...-norm and ...-gate, which are the block's own")
          .optional("the component's role, with a number from the second one on");
  private static final Option<Double> INPUT_SCALE =
      Option.decimal("input-scale", "fixed factor of the normed input").orElse(1.0);
  private static final Option<Double> SCALE =
      Option.decimal("scale", "fixed factor of the output, besides the gate").orElse(1.0);
  private static final Option<Boolean> RECOMPUTE =
      Option.flag(
              "recompute",
              "whether training computes it again in backward instead of keeping activations")
          .orElse(false);

  private static final Option<Optional<ConfigValue>> GATE =
      Option.any("gate", "number | learned | none", GateSpec.DOC)
          .optional("1.0 in a parallel block, none in a sequential one");
  private static final Option<Double> GATE_COST =
      Option.decimal(
              "gate-cost",
              "of a learned gate: what the loss has more where it is wholly open, averaged over"
                  + " tokens, so that it opens only where that helps; 0 for nothing")
          .atLeast(0.0)
          .orElse(0.0);
  private static final Option<Optional<ConfigValue>> AT =
      Option.any("at", "slice", "the blocks that have the path, such as \"5\", \"2:6\" or \"3::4\"")
          .optional("all");
  private static final List<Option<?>> OPTIONS = options();

  private static List<Option<?>> options() {
    List<Option<?>> options = new ArrayList<>();
    for (Role role : ROLES) {
      options.add(
          Option.any(role.key(), "name or { type = name, options }", "the component")
              .optional("exactly one of mixer, ffn and memory"));
    }
    options.addAll(List.of(NAME, AT, GATE, GATE_COST, SCALE, INPUT_SCALE, RECOMPUTE));
    return List.copyOf(options);
  }

  /** Returns the options of a path, for documentation. */
  static OptionGroup documentation() {
    return new OptionGroup(
        "model.block.paths[]",
        "A path of a block: a component, where it stands and how it is gated.",
        OPTIONS);
  }

  /** Reads the paths of a block, in order. */
  static List<PathSpec> readAll(
      List<? extends Config> configs, String path, Topology topology, int blocks) {
    List<PathSpec> paths = new ArrayList<>();
    for (int i = 0; i < configs.size(); i++) {
      PathSpec read = read(configs.get(i), path + "[" + i + "]", topology, blocks, paths);
      if (paths.stream().anyMatch(other -> other.name().equals(read.name()))) {
        throw new ConfigException(
            configs.get(i).origin(),
            path + "[" + i + "]",
            "a second path named " + read.name() + "; set name to tell them apart");
      }
      paths.add(read);
    }
    return List.copyOf(paths);
  }

  private static PathSpec read(
      Config config, String path, Topology topology, int blocks, List<PathSpec> before) {
    List<Role> roles = ROLES.stream().filter(role -> config.hasPath(role.key())).toList();
    Settings settings = Settings.read(path, config, OPTIONS);
    if (roles.size() != 1) {
      throw new ConfigException(
          config.origin(), path, "needs exactly one of mixer, ffn and memory");
    }
    Role role = roles.get(0);
    ConfigValue component = config.getValue(role.key());
    String componentPath = settings.at(role.key());
    Optional<Slice> at = settings.get(AT).map(value -> Slice.read(value, settings.at(AT.name())));
    if (at.isPresent() && !at.get().fits(blocks)) {
      throw settings.invalid(
          AT, "chooses a block that is not there; there are " + blocks + ", from 0");
    }
    long same = before.stream().filter(other -> other.role() == role).count();
    return new PathSpec(
        settings.get(NAME).orElse(same == 0 ? role.key() : role.key() + (same + 1)),
        role,
        componentConfig(component, componentPath),
        componentPath,
        settings.get(INPUT_SCALE),
        settings.get(SCALE),
        settings.get(RECOMPUTE),
        gate(settings, topology),
        at);
  }

  private static GateSpec gate(Settings settings, Topology topology) {
    GateSpec gate =
        settings
            .get(GATE)
            .map(value -> GateSpec.read(value, settings.at(GATE.name())))
            .orElse(topology.defaultGate());
    double cost = settings.get(GATE_COST);
    if (cost > 0 && !(gate instanceof GateSpec.Learned)) {
      throw settings.invalid(
          GATE_COST, "is for a gate per token only; set gate = learned, or leave it out");
    }
    return cost > 0 ? new GateSpec.Learned(cost) : gate;
  }

  /** Says whether another path of its name is the same, wherever the two are written. */
  boolean sameAs(PathSpec other) {
    return role == other.role()
        && config.equals(other.config())
        && inputScale == other.inputScale()
        && scale == other.scale()
        && recompute == other.recompute()
        && gate.equals(other.gate());
  }

  /** Returns this path with another component of its role. */
  PathSpec with(Config component) {
    return new PathSpec(name, role, component, configPath, inputScale, scale, recompute, gate, at);
  }

  /**
   * Reads a component, where {@code mixer = mamba2} is short for {@code mixer { type = mamba2 }}.
   */
  private static Config componentConfig(ConfigValue value, String path) {
    return switch (value.valueType()) {
      case OBJECT -> value.atKey("it").getConfig("it");
      case STRING -> value.atKey("type").withFallback(ConfigFactory.empty());
      default ->
          throw new ConfigException(
              value.origin(), path, "must be an object { type = ... } or the name of a type");
    };
  }
}
