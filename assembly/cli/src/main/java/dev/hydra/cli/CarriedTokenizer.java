package dev.hydra.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.api.Choice;
import dev.hydra.api.PluginRegistry;
import dev.hydra.cli.common.Installation;
import dev.hydra.data.Tokenizer;
import dev.hydra.data.TokenizerContext;
import dev.hydra.data.TokenizerFactory;
import dev.hydra.data.TokenizerFiles;
import dev.hydra.trainer.run.Checkpoint;
import dev.hydra.trainer.run.RunFolder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** The tokenizer that a run folder, a checkpoint or an imported model has with it. */
final class CarriedTokenizer {
  private static final String FILE = "data.tokenizer.file";

  private CarriedTokenizer() {}

  /** The file in a checkpoint, in its run's folder, or in a run folder itself. */
  static Optional<Path> of(Path folder) {
    return file(folder, TokenizerFiles.MAIN);
  }

  /** A file of what lies with the tokenizer; a tokenizer of bytes has no file of its own. */
  static Optional<Path> file(Path folder, String name) {
    Path absolute = folder.toAbsolutePath();
    return Stream.of(
            absolute,
            new RunFolder(absolute).tokenizer(),
            new RunFolder(absolute.resolve("../..").normalize()).tokenizer())
        .map(each -> each.resolve(name))
        .filter(Files::isRegularFile)
        .findFirst();
  }

  /**
   * The configuration of a run with the file that the run has with it: the one that it was trained
   * with may have gone or changed. What was said on the command line counts.
   */
  static Config in(Config config, Path folder) {
    if (!config.hasPath(FILE)) {
      return config;
    }
    ConfigValue value = config.getValue(FILE);
    Optional<Path> carried = of(folder);
    return carried.isEmpty() || value.origin().description().startsWith("--set")
        ? config
        : config.withValue(
            FILE,
            ConfigValueFactory.fromAnyRef(carried.get().toString()).withOrigin(value.origin()));
  }

  /** What makes tokens for an imported model, if tokenizer.json came with it. */
  static Optional<Tokenizer> imported(Checkpoint model, PluginRegistry plugins) {
    return of(model.folder()).map(file -> read(file, plugins));
  }

  /** The configuration of a tokenizer.json. */
  static Config config(Path file) {
    return ConfigFactory.empty(file.toString())
        .withValue("type", ConfigValueFactory.fromAnyRef("hf"))
        .withValue("file", ConfigValueFactory.fromAnyRef(file.toAbsolutePath().toString()));
  }

  /** Reads a tokenizer.json. */
  static Tokenizer read(Path file, PluginRegistry plugins) {
    Choice<TokenizerFactory> choice =
        Choice.of(plugins, TokenizerFactory.class, "tokenizer", config(file));
    return choice.create(
        factory ->
            factory.create(new TokenizerContext(choice.settings(), Installation.dataRoots())));
  }
}
