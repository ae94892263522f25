package dev.hydra.cli;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigOriginFactory;
import com.typesafe.config.ConfigValueFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.chat.ChatTemplateFiles;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.data.DataSettings;
import dev.hydra.data.Tokenizer;
import dev.hydra.huggingface.HuggingFace;
import dev.hydra.trainer.run.Checkpoint;
import dev.hydra.trainer.run.RunFolder;
import dev.hydra.trainer.run.TrainerSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The model that a training begins with, {@code trainer.init-from}. What a configuration leaves out
 * is as it is there: the model itself, what its tokens mean in generation, and the tokenizer.
 *
 * @param checkpoint the weights, and the configuration beside them
 * @param origin what asks for it, for messages
 */
record InitialModel(Checkpoint checkpoint, ConfigOrigin origin) {
  private static final String TOKENIZER = "data.tokenizer";

  /**
   * Finds the model of a training that is about to begin.
   *
   * @param config the configuration
   * @param file the file that it was read from
   * @param asked what --init-from names
   * @param beside the folder of the configuration, if weights lie in it
   */
  static Optional<InitialModel> of(
      Config config, Path file, @Nullable Path asked, Optional<Path> beside) throws IOException {
    String key = TrainerSettings.INIT_FROM_PATH;
    if (asked != null) {
      return Optional.of(at(asked, ConfigOriginFactory.newSimple("--init-from")));
    }
    if (config.hasPath(key)) {
      Path named = Path.of(config.getString(key));
      boolean here = config.getValue(key).origin().description().startsWith("--set");
      Path next = file.toAbsolutePath().resolveSibling(named);
      Path found = !here && Files.exists(next) ? next : named;
      return Optional.of(at(found, config.getValue(key).origin()));
    }
    return beside.isPresent()
        ? Optional.of(at(beside.get(), ConfigOriginFactory.newSimple(beside.get().toString())))
        : Optional.empty();
  }

  private static InitialModel at(Path folder, ConfigOrigin origin) throws IOException {
    Checkpoint checkpoint = ModelFolder.checkpoint(folder);
    return new InitialModel(
        new Checkpoint(checkpoint.folder().toAbsolutePath().normalize()), origin);
  }

  /** Returns a configuration with what it leaves out. */
  Config complete(Config config) {
    Config own = own();
    Config all =
        config.withValue(
            TrainerSettings.INIT_FROM_PATH,
            ConfigValueFactory.fromAnyRef(checkpoint.folder().toString()).withOrigin(origin));
    if (!config.hasPath("model.block") && !config.hasPath("model.stack")) {
      for (String part : List.of("model", "generation")) {
        if (own.hasPath(part)) {
          all = all.withFallback(own.withOnlyPath(part));
        }
      }
    }
    return config.hasPath(TOKENIZER) ? all : withTokenizer(all, own);
  }

  private Config own() {
    Path file = checkpoint.file(Checkpoint.CONFIG);
    return Files.exists(file) ? ConfigFiles.load(file, List.of()) : ConfigFactory.empty();
  }

  private Config withTokenizer(Config config, Config own) {
    Optional<Path> carried = CarriedTokenizer.of(checkpoint.folder());
    if (own.hasPath(TOKENIZER)) {
      return CarriedTokenizer.in(
          config.withValue(TOKENIZER, own.getValue(TOKENIZER)), checkpoint.folder());
    } else if (carried.isPresent()) {
      return config.withValue(
          TOKENIZER, CarriedTokenizer.config(carried.get()).root().withOrigin(origin));
    } else if (own.hasPath("data")) {
      return config; // of bytes, as then
    }
    throw new UsageException(
        origin.description()
            + ": there is no tokenizer in "
            + checkpoint.folder()
            + "; put its tokenizer.json there, or name one: data.tokenizer = { type = hf, file ="
            + " tokenizer.json }");
  }

  /** Says that another tokenizer makes the tokens than did for the weights, if that is known. */
  Optional<String> otherTokenizer(Tokenizer here, PluginRegistry plugins) {
    Config own = CarriedTokenizer.in(own(), checkpoint.folder());
    Optional<Tokenizer> then =
        own.hasPath("data")
            ? Optional.of(
                DataSettings.read(ConfigFiles.part(own, "data"), plugins)
                    .tokenizer(Installation.dataRoots()))
            : CarriedTokenizer.imported(checkpoint, plugins);
    return then.filter(each -> !each.identity().equals(here.identity()))
        .map(
            each ->
                "data.tokenizer is not the tokenizer of "
                    + checkpoint.folder()
                    + ": to its weights, tokens mean something else; leave data.tokenizer out to"
                    + " use that of the weights");
  }

  /**
   * Takes along the description that the model was published with, for an export of the run, and
   * its chat template if that does not come with the tokenizer.
   */
  void keepFiles(RunFolder folder, Tokenizer here, PluginRegistry plugins) throws IOException {
    keepDescription(folder);
    if (here.files().isEmpty() && otherTokenizer(here, plugins).isEmpty()) {
      for (String name : List.of(ChatTemplateFiles.TEMPLATE, ChatTemplateFiles.SPECIAL_TOKENS)) {
        Optional<Path> kept = CarriedTokenizer.file(checkpoint.folder(), name);
        Path own = folder.tokenizer().resolve(name);
        if (kept.isPresent() && !Files.exists(own)) {
          Files.createDirectories(folder.tokenizer());
          Files.write(own, Files.readAllBytes(kept.get()));
        }
      }
    }
  }

  private void keepDescription(RunFolder folder) throws IOException {
    Path run = checkpoint.folder().resolve("../..").normalize();
    Optional<Path> kept =
        Stream.of(checkpoint.folder(), run)
            .map(each -> each.resolve(HuggingFace.KEPT_CONFIG))
            .filter(Files::isRegularFile)
            .findFirst();
    if (kept.isPresent()) {
      Files.write(folder.path().resolve(HuggingFace.KEPT_CONFIG), Files.readAllBytes(kept.get()));
    }
  }

  /** Says where the weights are from. */
  String report() {
    return "weights: " + checkpoint.file(Checkpoint.MODEL);
  }
}
