package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.config.OptionGroup;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A stage as configured, an element of {@code trainer.stages}.
 *
 * @param name what it is called
 * @param until where it ends; the last stage at the end of the training
 * @param growIn steps in which the gates of paths that are new in it rise from zero; 0: at once
 * @param freeze patterns of parameters that are not trained from now on
 * @param thaw patterns of parameters that are trained again
 * @param overrides the parts of the configuration that are others from now on
 * @param elements values by keys that go through elements of lists
 * @param origin where it is written
 * @param place where it stands, for messages
 */
record StageSettings(
    String name,
    Optional<StageEnd> until,
    int growIn,
    List<String> freeze,
    List<String> thaw,
    Config overrides,
    Map<String, ConfigValue> elements,
    ConfigOrigin origin,
    String place) {
  static final String KEY = "stages";
  static final String MODEL = "model";
  private static final List<String> PARTS = List.of(MODEL, "data", "optimizer", "trainer");
  private static final Option<String> NAME = Option.text("name", "what the stage is called");
  private static final Option<Optional<ConfigValue>> UNTIL =
      Option.any(
              "until",
              "steps or \"N tokens\"",
              "the step that the stage ends with, counted from the beginning of the training, or the"
                  + " tokens until then, such as \"20M tokens\"")
          .optional("in the last stage the end of the training");
  private static final Option<Integer> GROW_IN =
      Option.integer(
              "grow-in",
              "steps in which the gates of paths that are new in the stage rise from zero; 0: they"
                  + " count from its first step on")
          .atLeast(0)
          .orElse(0);
  private static final Option<List<String>> FREEZE =
      Option.texts(
              "freeze",
              "patterns of parameters that are not trained from now on, such as"
                  + " \"blocks.*.mixer.*\"; * is for any characters, ? for one")
          .orElse(List.of());
  private static final Option<List<String>> THAW =
      Option.texts("thaw", "patterns of parameters that are trained again, after freeze")
          .orElse(List.of());
  private static final List<Option<?>> OPTIONS = List.of(NAME, UNTIL, GROW_IN, FREEZE, THAW);

  /** Returns the options of a stage, for documentation. */
  static OptionGroup documentation() {
    return new OptionGroup(
        "trainer.stages[]",
        "A stage of the training. `model`, `data`, `optimizer` and `trainer` in it hold what is"
            + " another from now on.",
        OPTIONS);
  }

  /**
   * Reads {@code trainer.stages}.
   *
   * @throws ConfigException for the first mistake
   */
  static List<StageSettings> readAll(Config trainer) {
    if (!trainer.hasPath(KEY)) {
      return List.of();
    }
    ConfigValue value = trainer.getValue(KEY);
    if (!(value instanceof ConfigList list) || list.isEmpty()) {
      throw new ConfigException(
          value.origin(), "trainer.stages", "must be a list of objects, not empty");
    }
    List<StageSettings> all = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      String place = "trainer.stages[" + i + "]";
      if (!(list.get(i) instanceof ConfigObject object)) {
        throw new ConfigException(list.get(i).origin(), place, "must be an object");
      }
      StageSettings read = read(object, place);
      if (all.stream().anyMatch(other -> other.name().equals(read.name()))) {
        throw new ConfigException(
            object.origin(),
            place,
            "a second stage named " + read.name() + "; give it another name");
      }
      all.add(read);
    }
    return all;
  }

  private static StageSettings read(ConfigObject object, String place) {
    ConfigObject plain = object;
    Map<String, ConfigValue> elements = new LinkedHashMap<>();
    for (Map.Entry<String, ConfigValue> each : object.entrySet()) {
      if (each.getKey().indexOf('[') >= 0) {
        elements.put(each.getKey(), each.getValue());
        plain = plain.withoutKey(each.getKey());
      }
    }
    Settings settings =
        Settings.read(place, plain.toConfig(), OPTIONS, PARTS.toArray(String[]::new));
    Config overrides = ConfigFactory.empty();
    for (String part : PARTS) {
      if (plain.toConfig().hasPath(part)) {
        ConfigFiles.part(plain.toConfig(), part); // an object
        overrides = overrides.withValue(part, plain.get(part));
      }
    }
    return new StageSettings(
        settings.get(NAME),
        settings.get(UNTIL).map(until -> StageEnd.read(until, settings.at(UNTIL.name()))),
        settings.get(GROW_IN),
        settings.get(FREEZE),
        settings.get(THAW),
        overrides,
        elements,
        object.origin(),
        place);
  }

  /** Returns an error about the stage, to throw. */
  ConfigException invalid(String problem) {
    return new ConfigException(origin, place, "stage " + name + " " + problem);
  }

  /** Returns a configuration with what is another in this stage. */
  Config over(Config config) {
    Config all = overrides.withFallback(config);
    for (Map.Entry<String, ConfigValue> each : elements.entrySet()) {
      all = ConfigFiles.with(all, each.getKey(), each.getValue());
    }
    return all;
  }
}
