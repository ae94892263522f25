package dev.hydra.optim;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The settings that hold for each parameter: those of the first group with a pattern that its name
 * matches, and of what a group does not set, and of parameters in no group, those of the optimizer.
 */
public final class ParameterGroups {
  private static final Option<List<String>> MATCH =
      Option.texts("match", "patterns of the names of parameters: * for any characters, ? for one")
          .where(value -> !value.isEmpty(), "at least one pattern");
  private static final Option<Double> RATE_FACTOR =
      Option.decimal("learning-rate-factor", "their learning rate as a part of the others'")
          .atLeast(0.0)
          .orElse(1.0);

  private final List<Group> groups;
  private final Member others;

  /**
   * How a parameter is treated.
   *
   * @param settings the values of the factory's options
   * @param rateFactor its learning rate as a part of the optimizer's
   * @param set the options that the group itself sets, by name
   */
  public record Member(Settings settings, double rateFactor, Set<String> set) {
    /** Says whether the group of the parameter sets the option itself. */
    public boolean sets(Option<?> option) {
      return set.contains(option.name());
    }
  }

  private record Group(String path, List<Glob> patterns, Member member) {
    boolean matches(String name) {
      return patterns.stream().anyMatch(pattern -> pattern.matches(name));
    }
  }

  private ParameterGroups(List<Group> groups, Settings others) {
    this.groups = groups;
    this.others = new Member(others, 1, Set.of());
  }

  /** Returns no groups: the settings hold for all parameters. */
  public static ParameterGroups none(Settings settings) {
    return new ParameterGroups(List.of(), settings);
  }

  /**
   * Reads a list of groups.
   *
   * @param settings the values of the factory's options for parameters in no group
   * @param key the option that holds the list
   * @param value the list
   * @param config what settings were read from
   * @param own the factory's options
   */
  static ParameterGroups read(
      Settings settings, Option<?> key, ConfigValue value, Config config, List<Option<?>> own) {
    if (!(value instanceof ConfigList list)) {
      throw settings.invalid(key, "must be a list of objects { match = ..., ... }");
    }
    List<Option<?>> options = Stream.concat(Stream.of(MATCH, RATE_FACTOR), own.stream()).toList();
    Config inherited = config.root().withoutKey(key.name()).toConfig();
    for (String name : config.root().keySet()) {
      if (own.stream().noneMatch(option -> option.name().equals(name))) {
        inherited = inherited.withoutPath(ConfigUtil.joinPath(name));
      }
    }
    List<Group> groups = new ArrayList<>();
    for (ConfigValue each : list) {
      if (!(each instanceof ConfigObject object)) {
        throw settings.invalid(key, "must be a list of objects { match = ..., ... }");
      }
      String path = settings.at(key.name()) + "[" + groups.size() + "]";
      Settings values = Settings.read(path, object.toConfig().withFallback(inherited), options);
      groups.add(
          new Group(
              path,
              values.get(MATCH).stream().map(Glob::new).toList(),
              new Member(values, values.get(RATE_FACTOR), Set.copyOf(object.keySet()))));
    }
    return new ParameterGroups(List.copyOf(groups), settings);
  }

  /** Returns how a parameter of this name is treated. */
  public Member of(String parameter) {
    return groups.stream()
        .filter(group -> group.matches(parameter))
        .findFirst()
        .map(Group::member)
        .orElse(others);
  }

  /** Returns all ways in which parameters may be treated, that of those in no group last. */
  public List<Member> members() {
    return Stream.concat(groups.stream().map(Group::member), Stream.of(others)).toList();
  }

  /** Says which groups are the first to match none of these parameters. */
  List<String> unused(Collection<String> parameters) {
    return groups.stream()
        .filter(group -> parameters.stream().noneMatch(name -> of(name).equals(group.member())))
        .map(
            group ->
                group.path()
                    + " has no parameter: "
                    + group.patterns().stream().map(Glob::text).toList()
                    + " matches none that no group before it has")
        .toList();
  }
}
