package dev.hydra.bench;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Settings;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Cases to be compared: the components of one table.
 *
 * @param name what the table is called
 * @param width the width of the hidden states
 * @param batch the rows of a batch
 * @param lengths the sequence lengths
 * @param cases what is compared, by label
 * @param recurrence whether a token-by-token state space recurrence on plain operators, without any
 *     projection, is timed beside them at the shortest length
 */
record Group(
    String name,
    int width,
    int batch,
    List<Integer> lengths,
    Map<String, Case> cases,
    boolean recurrence) {
  private static final Option<String> NAME = Option.text("name", "what the table is called");
  private static final Option<Integer> WIDTH =
      Option.integer("width", "width of the hidden states").atLeast(1).orElse(256);
  private static final Option<Integer> BATCH =
      Option.integer("batch", "rows of a batch").atLeast(1).orElse(1);
  private static final Option<List<Integer>> LENGTHS =
      Option.integers("lengths", "sequence lengths")
          .where(
              lengths -> !lengths.isEmpty() && lengths.stream().allMatch(each -> each >= 1),
              "whole numbers from 1")
          .orElse(List.of(1024));
  private static final Option<Boolean> RECURRENCE =
      Option.flag("recurrence", "whether a token-by-token recurrence is timed too").orElse(false);
  private static final Option<String> LABEL = Option.text("label", "what the case is called");
  private static final Option<Optional<Operation>> OPERATOR =
      Option.choice("operator", Operation.class, "an operator that layers share")
          .optional("a component is timed");
  private static final List<Role> ROLES = List.of(Role.MIXER, Role.FEED_FORWARD, Role.MEMORY);

  /** What a table compares. */
  sealed interface Case {}

  /** A component. */
  record Component(Role role, Config config) implements Case {}

  /** An operator that components share. */
  record Operator(Operation operation) implements Case {}

  /** Reads {@code groups = [ ... ]}. */
  static List<Group> readAll(Config config) {
    List<Group> groups = new ArrayList<>();
    for (Config each : objects(config, "groups", "groups")) {
      groups.add(read(each, "groups[" + groups.size() + "]"));
    }
    return groups;
  }

  private static Group read(Config config, String path) {
    Settings settings =
        Settings.read(path, config, List.of(NAME, WIDTH, BATCH, LENGTHS, RECURRENCE), "cases");
    Map<String, Case> cases = new LinkedHashMap<>();
    List<? extends Config> entries = objects(config, "cases", path + ".cases");
    for (int i = 0; i < entries.size(); i++) {
      Config entry = entries.get(i);
      String here = path + ".cases[" + i + "]";
      Settings read =
          Settings.read(here, entry, List.of(LABEL, OPERATOR), "mixer", "ffn", "memory");
      Case component = read(entry, here, read.get(OPERATOR));
      if (cases.put(read.get(LABEL), component) != null) {
        throw read.invalid(LABEL, "is that of another case; labels must differ");
      }
    }
    return new Group(
        settings.get(NAME),
        settings.get(WIDTH),
        settings.get(BATCH),
        settings.get(LENGTHS).stream().sorted().toList(),
        cases,
        settings.get(RECURRENCE));
  }

  private static Case read(Config entry, String path, Optional<Operation> operation) {
    List<Role> roles = ROLES.stream().filter(role -> entry.hasPath(role.key())).toList();
    if (roles.size() + (operation.isPresent() ? 1 : 0) != 1) {
      throw new ConfigException(
          entry.origin(), path, "needs exactly one of mixer, ffn, memory and operator");
    }
    return operation.isPresent()
        ? new Operator(operation.get())
        : new Component(roles.get(0), entry.getConfig(roles.get(0).key()));
  }

  private static List<? extends Config> objects(Config config, String key, String path) {
    if (!config.hasPath(key)) {
      throw new ConfigException(config.origin(), path, "is required: a list of objects");
    }
    ConfigValue value = config.getValue(key);
    try {
      return config.getConfigList(key);
    } catch (com.typesafe.config.ConfigException.WrongType e) {
      throw new ConfigException(value.origin(), path, "must be a list of objects");
    }
  }
}
