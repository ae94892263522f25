package dev.hydra.bench;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Names;
import dev.hydra.api.Option;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Settings;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.config.NamedObjects;
import dev.hydra.composer.config.OptionGroup;
import dev.hydra.composer.config.QuickPart;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.runtime.ComputeType;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.optim.OptimizerSettings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * An experiment that times models of equal size by the length of the text, one text at a time.
 *
 * @param question what it should show
 * @param models the models by name; others are compared with the first
 * @param difference how much parameters may differ from those of the first, as a part
 * @param lengths tokens of a text, ascending
 * @param passes what is timed
 * @param steps how many steps of each length are timed
 * @param precision the type to compute in
 * @param peers a JSON file of figures that others measured, if there is one
 * @param optimizer the optimizer of training steps
 * @param settings where this was read from, for messages
 */
public record Throughput(
    String question,
    Map<String, ModelSpec> models,
    double difference,
    List<Integer> lengths,
    List<Pass> passes,
    int steps,
    ComputeType.Choice precision,
    Optional<String> peers,
    OptimizerSettings optimizer,
    Settings settings) {
  /** What is timed. */
  public enum Pass {
    /** The forward to the logits, without gradients. */
    FORWARD,
    /** Forward, backward and update. */
    TRAIN
  }

  /** The type of such experiments. */
  public static final String TYPE = "throughput";

  private static final String PATH = "experiment";

  private static final Option<String> KIND =
      Option.text("type", "throughput; without it, models are trained on tasks")
          .where(TYPE::equals, TYPE);
  private static final Option<String> QUESTION =
      Option.text("question", "what the experiment should show, in a sentence");
  private static final Option<Optional<ConfigValue>> MODELS =
      Option.any("models", "object of objects", "the models by name, each { model { ... } }")
          .optional("required");
  private static final Option<Double> DIFFERENCE =
      Option.decimal(
              "parameters", "how much parameters may differ from the first model's, as a part")
          .atLeast(0.0)
          .orElse(0.05);
  private static final Option<List<Integer>> LENGTHS =
      Option.integers("lengths", "tokens of a text")
          .where(
              all -> !all.isEmpty() && all.stream().allMatch(each -> each > 0), "numbers above 0");
  private static final Option<List<String>> PASSES =
      Option.texts("passes", "what is timed: forward, train")
          .where(
              all -> !all.isEmpty() && List.of("forward", "train").containsAll(all),
              "forward, train or both")
          .orElse(List.of("forward", "train"));
  private static final Option<Integer> STEPS =
      Option.integer("steps", "how many steps of each length are timed").atLeast(1).orElse(10);
  private static final Option<ComputeType.Choice> PRECISION =
      Option.choice("precision", ComputeType.Choice.class, "the type to compute in")
          .orElse(ComputeType.Choice.AUTO);
  private static final Option<Optional<String>> PEERS =
      Option.text(
              "peers",
              "a JSON file of figures that others measured, a list of { name, pass, tokens,"
                  + " tokens_per_second, peak_bytes }")
          .optional("none");
  private static final List<Option<?>> OPTIONS =
      List.of(KIND, QUESTION, MODELS, DIFFERENCE, LENGTHS, PASSES, STEPS, PRECISION, PEERS);

  /** Copies the lists. */
  public Throughput {
    models = new LinkedHashMap<>(models);
    lengths = lengths.stream().sorted().distinct().toList();
    passes = List.copyOf(passes);
  }

  /** Returns the options of a file of such an experiment, for documentation. */
  public static OptionGroup documentation() {
    return new OptionGroup(
        "experiment (type = throughput)",
        "An experiment that times models of equal size by the length of the text, batch 1.",
        OPTIONS);
  }

  /**
   * Says whether a file is one of such an experiment.
   *
   * @throws ConfigException if it names a type that there is not
   */
  public static boolean is(Config file) {
    Config given = ConfigFiles.part(file, PATH);
    if (!given.hasPath(KIND.name())) {
      return false;
    }
    ConfigValue type = given.getValue(KIND.name());
    if (type.unwrapped().equals(TYPE)) {
      return true;
    }
    throw new ConfigException(
        type.origin(),
        PATH + "." + KIND.name(),
        Names.unknown("type", String.valueOf(type.unwrapped()), List.of(TYPE))
            + "; without a type, models are trained on tasks");
  }

  /**
   * Reads an experiment.
   *
   * @param overrides what the file was read with, see {@link ConfigFiles#load}; it is stronger than
   *     {@code quick}, too
   * @param quick whether what stands in {@code quick} counts
   * @throws ConfigException for the first mistake, with file, line and path
   */
  public static Throughput read(
      Config file, List<String> overrides, PluginRegistry plugins, boolean quick) {
    ConfigFiles.allow(file, List.of(PATH, "optimizer", QuickPart.NAME));
    QuickPart.check(file, PATH, OPTIONS, List.of(MODELS));
    Config given = ConfigFiles.part(file, PATH);
    Config config = quick ? QuickPart.over(file, PATH, overrides) : given;
    Settings settings = Settings.read(PATH, config, OPTIONS);
    return new Throughput(
        settings.get(QUESTION),
        models(config, given, settings),
        settings.get(DIFFERENCE),
        settings.get(LENGTHS),
        settings.get(PASSES).stream()
            .map(each -> Pass.valueOf(each.toUpperCase(Locale.ROOT)))
            .toList(),
        settings.get(STEPS),
        settings.get(PRECISION),
        settings.get(PEERS),
        OptimizerSettings.read(ConfigFiles.part(file, "optimizer"), plugins),
        settings);
  }

  private static Map<String, ModelSpec> models(Config config, Config given, Settings settings) {
    Map<String, ModelSpec> all = new LinkedHashMap<>();
    NamedObjects.read(config, given, settings, MODELS)
        .forEach((name, object) -> all.put(name, ModelSpec.read(object)));
    return all;
  }

  /**
   * Counts the parameters of all models.
   *
   * @throws ConfigException if one differs too much from the first
   */
  public Map<String, Long> sizes(Components components) {
    Map<String, Long> all = new LinkedHashMap<>();
    models.forEach(
        (name, spec) -> {
          try (Model model =
              Model.build(spec, components, new Placement(Devices.meta(), ScalarType.Float), 0)) {
            all.put(
                name,
                model.parameters().all().stream().mapToLong(each -> each.spec().elements()).sum());
          }
        });
    long first = all.values().iterator().next();
    all.forEach(
        (name, size) -> {
          double part = (double) size / first - 1;
          if (Math.abs(part) > difference) {
            throw settings.invalid(
                DIFFERENCE,
                String.format(
                    Locale.ROOT,
                    "allows a difference of %.3g, but %s has %,d parameters, %s has %,d (%+.3f of"
                        + " it)",
                    difference,
                    name,
                    size,
                    all.keySet().iterator().next(),
                    first,
                    part));
          }
        });
    return all;
  }
}
