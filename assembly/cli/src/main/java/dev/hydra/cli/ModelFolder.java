package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.api.Messages;
import dev.hydra.api.PluginId;
import dev.hydra.api.PluginRegistry;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.plugins.RunPlugins;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelFiles;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.data.DataSettings;
import dev.hydra.data.Tokenizer;
import dev.hydra.libtorch.safetensors.TensorReplacements;
import dev.hydra.trainer.run.Checkpoint;
import dev.hydra.trainer.run.Experiment;
import dev.hydra.trainer.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/**
 * Names a model with weights: a run folder (its newest intact checkpoint), one checkpoint, or a
 * folder that an import made.
 */
final class ModelFolder {
  @Option(
      names = {"--model", "--run-dir"},
      required = true,
      paramLabel = "DIR",
      description =
          "A run folder, whose newest intact checkpoint is used, one checkpoint, or an imported"
              + " model.")
  @SuppressWarnings("NullAway.Init") // set by picocli
  private Path folder;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Overrides a value of the configuration. May be given several times.")
  private List<String> overrides = List.of();

  @Mixin
  @SuppressWarnings("NullAway.Init") // set by picocli
  private AveragesOption averages;

  /** The checkpoint that is meant; damaged newer ones are named on the error stream. */
  Checkpoint checkpoint() throws IOException {
    return checkpoint(folder);
  }

  /** The checkpoint that a folder means. */
  static Checkpoint checkpoint(Path folder) throws IOException {
    if (folder.toString().isEmpty()) {
      throw new UsageException("the name of the model's folder is empty");
    }
    if (!Files.isDirectory(folder)) {
      throw new UsageException(
          Files.exists(folder) ? folder + " is not a folder" : "there is no folder " + folder);
    }
    if (Files.exists(folder.resolve("config.json"))
        && !Files.exists(folder.resolve(Checkpoint.CONFIG))) {
      throw new UsageException(
          folder
              + " is a published model; import it first: hydra import hf "
              + Messages.argument(folder)
              + " --out DIR");
    }
    if (Files.exists(folder.resolve(Checkpoint.MODEL))) {
      Checkpoint checkpoint = new Checkpoint(folder);
      if (!checkpoint.imported()) {
        checkpoint.verifyModel();
      }
      return checkpoint;
    }
    return new RunFolder(folder)
        .latestModel(damaged -> System.err.println("hydra: " + damaged))
        .orElseThrow(
            () ->
                new IOException(
                    folder
                        + " is neither a checkpoint nor a run folder with an intact checkpoint"));
  }

  /** The configuration that the model was trained with, and the overrides. */
  Config config(Checkpoint checkpoint) {
    return config(checkpoint, overrides);
  }

  /** Warns of overrides of parts that a command does not read. */
  void warnUnread(CommandSpec command, String... parts) {
    NoEffect.warn(command, overrides, parts);
  }

  /** The configuration that a model was trained with, and overrides of it. */
  static Config config(Checkpoint checkpoint, List<String> overrides) {
    Config config = ConfigFiles.load(checkpoint.file(Checkpoint.CONFIG), overrides);
    ConfigFiles.allow(config, Experiment.PARTS);
    return CarriedTokenizer.in(config, checkpoint.folder());
  }

  /** What makes tokens of text; an imported model has nothing of the kind if none came with it. */
  static Optional<Tokenizer> tokenizer(
      Checkpoint checkpoint, Config config, PluginRegistry plugins) {
    return checkpoint.imported() && !config.hasPath("data")
        ? CarriedTokenizer.imported(checkpoint, plugins)
        : Optional.of(
            DataSettings.read(ConfigFiles.part(config, "data"), plugins)
                .tokenizer(Installation.dataRoots()));
  }

  /**
   * What the model of a checkpoint is built from: plugins that its run was swapped to are loaded
   * from the run's folder.
   */
  static Components components(Checkpoint checkpoint, Config config, PluginJars plugins)
      throws IOException {
    Map<SitePath, PluginId> sites = checkpoint.sites();
    Path run = checkpoint.folder().toAbsolutePath().resolve("../..").normalize();
    RunPlugins.of(run, config).install(sites, plugins);
    return plugins.components(sites);
  }

  /** Builds the model of a checkpoint, with the weights that are asked for. */
  Model load(Checkpoint checkpoint, Config config, PluginJars plugins, Placement placement)
      throws IOException {
    return load(checkpoint, averages.of(checkpoint), config, plugins, placement);
  }

  /**
   * Builds the model of a checkpoint.
   *
   * @param averages what takes the place of its weights, if anything
   */
  static Model load(
      Checkpoint checkpoint,
      Optional<TensorReplacements> averages,
      Config config,
      PluginJars plugins,
      Placement placement)
      throws IOException {
    Components components = components(checkpoint, config, plugins);
    Model model = Model.toRead(ModelSpec.read(config), components, placement);
    try {
      load(model, checkpoint, averages, config);
      checkpoint.growing().into(model);
    } catch (IOException | RuntimeException e) {
      model.close();
      throw e;
    }
    return model;
  }

  private static void load(
      Model model, Checkpoint checkpoint, Optional<TensorReplacements> averages, Config config)
      throws IOException {
    Path file = checkpoint.file(Checkpoint.MODEL);
    try {
      if (averages.isPresent()) {
        ModelFiles.load(model, file, averages.get());
      } else {
        ModelFiles.load(model, file);
      }
    } catch (IOException e) {
      throw checkpoint.unfit(config, e);
    }
  }
}
