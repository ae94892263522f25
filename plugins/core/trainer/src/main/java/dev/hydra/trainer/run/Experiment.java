package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.config.OptionGroup;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.data.DataSettings;
import dev.hydra.inference.GenerationSettings;
import dev.hydra.optim.OptimizerSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * A whole training configuration, read and checked.
 *
 * @param config what it was read from, resolved
 * @param model the model
 * @param data the data
 * @param optimizer the optimizer and its schedule
 * @param trainer the run
 * @param generation what tokens mean in generation
 */
public record Experiment(
    Config config,
    ModelSpec model,
    DataSettings data,
    OptimizerSettings optimizer,
    TrainerSettings trainer,
    GenerationSettings generation) {
  /** The parts that a configuration file may have. */
  public static final List<String> PARTS =
      List.of("model", "data", "optimizer", "trainer", "generation", "plugins");

  /**
   * Returns the options of the parts, for documentation; those of plugins are with the plugins, and
   * the part {@code plugins} belongs to who swaps them.
   */
  public static List<OptionGroup> documentation() {
    return Stream.of(
            ModelSpec.documentation(),
            List.of(
                new OptionGroup(
                    "data",
                    "The text and what is made of it. The options of the source stand beside"
                        + " these: `hydra plugins describe text`.",
                    DataSettings.options()),
                new OptionGroup(
                    "optimizer",
                    "The optimizer and its learning rates. The options of the type stand beside"
                        + " these: `hydra plugins describe adamw`.",
                    OptimizerSettings.options())),
            TrainerSettings.documentation(),
            List.of(GenerationSettings.documentation()))
        .flatMap(List::stream)
        .toList();
  }

  /**
   * Reads and checks every part.
   *
   * @param plugins where tokenizer, source, optimizer and schedule are found
   * @param roots the folders in which relative names of data files are looked for, in order
   * @throws ConfigException for the first mistake, with file, line and path
   */
  public static Experiment read(Config written, PluginRegistry plugins, List<Path> roots) {
    ConfigFiles.allow(written, PARTS);
    DataSettings data = DataSettings.read(ConfigFiles.part(written, "data"), plugins);
    Config config = VocabularySize.resolve(written, () -> data.tokenizer(roots));
    TrainerSettings trainer = TrainerSettings.read(ConfigFiles.part(config, "trainer"));
    OptimizerSettings optimizer =
        OptimizerSettings.read(ConfigFiles.part(config, "optimizer"), plugins);
    Experiment experiment =
        new Experiment(
            config,
            ModelSpec.read(config),
            data,
            trainer.emaDecay().map(optimizer::averaging).orElse(optimizer),
            trainer,
            GenerationSettings.read(ConfigFiles.part(config, "generation")));
    var unused = experiment.optimizer().learningRate(experiment.trainer().steps());
    int vocabulary = data.tokenizer(roots).vocabSize();
    if (experiment.model().vocabSize() < vocabulary) {
      throw new ConfigException(
          config.getValue("model").origin(),
          "model.vocab-size",
          "is "
              + experiment.model().vocabSize()
              + ", but the tokenizer has "
              + vocabulary
              + " tokens; vocab-size = tokenizer takes it from there");
    }
    return experiment;
  }

  /**
   * Returns the plugins that tokenizer, source, optimizer and schedule come from; those of the
   * model's components are the model's.
   */
  public List<Registration> plugins() {
    return Stream.concat(data.plugins().stream(), optimizer.plugins().stream()).toList();
  }
}
