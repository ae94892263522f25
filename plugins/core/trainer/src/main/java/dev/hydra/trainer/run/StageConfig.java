package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SpecConfig;
import dev.hydra.composer.spec.SpecMerge;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Writes the configuration of a training in the middle of it: its parts are those of the stage that
 * it is in, so that the model in it is the model that there is, and the stages are such that the
 * same follows. Of those that are over the overrides go, as the parts have them; where components
 * were swapped, the models of those to come are written out.
 */
final class StageConfig {
  private static final String STAGES = "trainer." + StageSettings.KEY;
  private static final List<String> PARTS = List.of("model", "data", "optimizer", "trainer");
  private static final List<String> BLOCKS = List.of("block", "stack", "depth");

  private StageConfig() {}

  /**
   * Writes it.
   *
   * @param model what the model is now
   */
  static Config write(List<Stage> stages, Stage current, ModelSpec model) {
    boolean swapped = !model.equals(current.model());
    Config config = swapped ? SpecConfig.write(model, current.config()) : current.config();
    if (!current.named()) {
      return config;
    }
    List<ConfigObject> written = new ArrayList<>();
    ModelSpec merged = model;
    for (int i = 0; i < stages.size(); i++) {
      Stage stage = stages.get(i);
      ConfigObject own = (ConfigObject) config.getList(STAGES).get(i);
      if (own.containsKey("until")) { // tokens are counted by what may be others now
        own = own.withValue("until", ConfigValueFactory.fromAnyRef(stage.until()));
      }
      if (i < current.index()) {
        own = over(own, stage, current);
      } else if (i == current.index()) {
        own = withoutElements(own, "").withoutKey("model");
      } else {
        merged = SpecMerge.of(stages.get(i - 1).model(), stage.model(), merged);
        own = swapped ? writtenOut(own, merged, config) : own;
      }
      written.add(own);
    }
    return config.withValue(
        STAGES,
        ConfigValueFactory.fromIterable(
            written.stream().map(each -> (Object) each.unwrapped()).toList()));
  }

  /** What is left of a stage that is over: which parameters it froze, and where schedules began. */
  private static ConfigObject over(ConfigObject own, Stage stage, Stage current) {
    ConfigObject left = withoutElements(own, "");
    for (String part : PARTS) {
      left = left.withoutKey(part);
    }
    Optional<ConfigObject> rates =
        stage.begin() == current.rates().begin() && stage.index() > 0
            ? rate(current.config())
            : Optional.empty();
    return rates.isPresent() ? left.withValue("optimizer", rates.get()) : left;
  }

  /** One value, as it is now, that says that the schedule began there. */
  private static Optional<ConfigObject> rate(Config config) {
    return Stages.RATES.stream()
        .sorted()
        .filter(key -> config.hasPath("optimizer." + key))
        .findFirst()
        .map(key -> config.getValue("optimizer." + key).atKey(key).root());
  }

  /** A stage to come, with all blocks of its model. */
  private static ConfigObject writtenOut(ConfigObject own, ModelSpec model, Config config) {
    ConfigValue part = own.get("model");
    ConfigObject others =
        part instanceof ConfigObject object ? object : ConfigFactory.empty().root();
    for (String key : BLOCKS) {
      others = others.withoutKey(key);
    }
    ConfigValue stack = SpecConfig.write(model, config).getValue("model.stack");
    return withoutElements(own, "model").withValue("model", others.withValue("stack", stack));
  }

  /** Leaves out values at keys through elements of lists of a part. */
  private static ConfigObject withoutElements(ConfigObject own, String part) {
    ConfigObject left = own;
    for (String key : own.keySet()) {
      if (key.indexOf('[') >= 0 && key.startsWith(part)) {
        left = left.withoutKey(key);
      }
    }
    return left;
  }
}
