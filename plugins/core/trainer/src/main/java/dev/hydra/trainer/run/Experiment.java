package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.config.OptionGroup;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.data.DataSettings;
import dev.hydra.data.Dataset;
import dev.hydra.inference.GenerationSettings;
import dev.hydra.optim.OptimizerSettings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
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
 * @param stages the stages of the training, at least one; the parts above are those of the first
 */
public record Experiment(
    Config config,
    ModelSpec model,
    DataSettings data,
    OptimizerSettings optimizer,
    TrainerSettings trainer,
    GenerationSettings generation,
    List<Stage> stages) {
  private static final String END_TOKENS = "generation.end-tokens";

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
                    "data.sources[]",
                    "An element of `data.sources`: a source that is mixed with others. The options"
                        + " of the source stand beside these.",
                    DataSettings.sourceOptions()),
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
    List<Stage> stages = Stages.read(config, plugins);
    Stage first = stages.get(0);
    Experiment experiment =
        new Experiment(
            config,
            first.model(),
            first.data(),
            first.optimizer(),
            first.trainer(),
            GenerationSettings.read(ConfigFiles.part(config, "generation")),
            stages);
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
    experiment.checkEndTokens();
    return experiment;
  }

  /** A token that the model cannot draw would end no text, without a word. */
  private void checkEndTokens() {
    int tokens = model.vocabSize();
    for (int each : generation.endTokens()) {
      if (each >= tokens) {
        throw new ConfigException(
            config.getValue(END_TOKENS).origin(),
            END_TOKENS,
            String.format(
                "token %d is not in the vocabulary, 0 to %d; leave it out, or give a model.vocab-size"
                    + " of more than %d",
                each, tokens - 1, each));
      }
    }
  }

  /**
   * Opens the data of every stage; stages with the same data share what is opened.
   *
   * @param roots the folders in which relative names of data files are looked for, in order
   * @param progress told how many bytes of text have been made tokens
   * @throws ConfigException if that of a stage cannot be opened, with the stage's name
   */
  public List<Dataset> open(List<Path> roots, LongConsumer progress) {
    List<Dataset> all = new ArrayList<>();
    for (Stage stage : stages) {
      boolean same = stage.index() > 0 && !stage.otherData(stages.get(stage.index() - 1));
      all.add(
          same
              ? all.get(stage.index() - 1)
              : Stages.named(stage.name(), () -> stage.data().open(roots, progress)));
    }
    return all;
  }

  /**
   * Returns the plugins that tokenizer, source, optimizer and schedule come from; those of the
   * model's components are the model's.
   */
  public List<Registration> plugins() {
    return stages.stream()
        .flatMap(
            stage ->
                Stream.concat(
                    stage.data().plugins().stream(), stage.optimizer().plugins().stream()))
        .distinct()
        .toList();
  }
}
