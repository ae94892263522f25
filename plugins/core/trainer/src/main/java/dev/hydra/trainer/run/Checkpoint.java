package dev.hydra.trainer.run;

import com.typesafe.config.Config;
import dev.hydra.api.ConfigException;
import dev.hydra.api.PluginId;
import dev.hydra.composer.config.ConfigChange;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.TensorInfo;
import dev.hydra.libtorch.safetensors.TensorReplacements;
import dev.hydra.optim.ParameterState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A checkpoint: a folder of files and a manifest with the size and SHA-256 of each. It is written
 * to the side and moved into place when it is complete and on the disk.
 */
public record Checkpoint(Path folder) {
  /** The parameters. */
  public static final String MODEL = "model.safetensors";

  /** The optimizer's state. */
  static final String OPTIMIZER = "optimizer.safetensors";

  /** The random generators' state. */
  static final String RANDOM = "random.safetensors";

  /** A {@link TrainerState}. */
  static final String STATE = "trainer.json";

  /** The resolved configuration. */
  public static final String CONFIG = "config.conf";

  private static final int NAMED_CHANGES = 5;
  static final String INCOMPLETE = ".incomplete-";

  /** Puts files into a folder. */
  @FunctionalInterface
  interface Writer {
    void write(Path folder) throws IOException;
  }

  /** Writes a checkpoint; nothing is left behind if that fails. */
  static Checkpoint write(Path folder, Writer writer) throws IOException {
    Path side = folder.resolveSibling(INCOMPLETE + folder.getFileName());
    DurableFiles.delete(side);
    try {
      Files.createDirectories(side);
      writer.write(side);
      Manifest.write(side);
      DurableFiles.sync(side);
      DurableFiles.delete(folder);
      DurableFiles.replace(side, folder);
    } catch (IOException | RuntimeException e) {
      try {
        DurableFiles.delete(side);
      } catch (IOException cleanup) {
        e.addSuppressed(cleanup);
      }
      throw e;
    }
    return new Checkpoint(folder);
  }

  /**
   * Checks every file against the manifest, by its SHA-256.
   *
   * @throws IOException saying what is damaged
   */
  public void verify() throws IOException {
    Manifest manifest = Manifest.of(folder);
    for (String name : manifest.names()) {
      manifest.verify(name);
    }
  }

  /**
   * Checks what a trained model is used with: all but what only training needs, which may be gone.
   * Weights are checked piece by piece, see {@link Manifest#verifyPieces(String)}.
   *
   * @throws IOException saying what is damaged
   */
  public void verifyModel() throws IOException {
    Manifest manifest = Manifest.of(folder);
    for (String name : manifest.names()) {
      if (!name.equals(OPTIMIZER) && !name.equals(RANDOM)) {
        manifest.verifyPieces(name);
      }
    }
  }

  /** Says whether these are weights and a configuration only, as an import leaves them. */
  public boolean imported() {
    return Files.exists(file(MODEL))
        && !Files.exists(file(STATE))
        && !Files.exists(file(Manifest.FILE));
  }

  /** Returns one of its files. */
  public Path file(String name) {
    return folder.resolve(name);
  }

  /**
   * Returns the plugin of every site of its model, by the site's path; nothing for an import.
   *
   * @throws IOException if that cannot be read
   */
  public Map<SitePath, PluginId> sites() throws IOException {
    return imported() ? Map.of() : state().sites();
  }

  /**
   * Returns the paths of its model that grow in, and how much they count; none of an import.
   *
   * @throws IOException if that cannot be read
   */
  public PathShares growing() throws IOException {
    return imported() ? PathShares.NONE : state().growing();
  }

  /**
   * Returns the averages of parameters that {@code trainer.ema} keeps, to take the place of the
   * parameters; none if the run keeps no averages, or these are weights only.
   *
   * @throws IOException if the file that has them is missing or damaged
   */
  public Optional<TensorReplacements> averages() throws IOException {
    if (imported()) {
      return Optional.empty();
    }
    Manifest manifest = Manifest.of(folder);
    manifest.verifySize(OPTIMIZER);
    Map<String, String> names = new TreeMap<>();
    String suffix = "." + ParameterState.EMA;
    try (SafetensorsFile file = SafetensorsFile.open(file(OPTIMIZER))) {
      for (TensorInfo info : file.tensors()) {
        if (info.name().endsWith(suffix)) {
          String parameter = info.name().substring(0, info.name().length() - suffix.length());
          names.put(parameter, info.name());
        }
      }
      manifest.verifyPieces(OPTIMIZER, file.ranges(names.values()));
    }
    return names.isEmpty()
        ? Optional.empty()
        : Optional.of(new TensorReplacements(file(OPTIMIZER), names));
  }

  /** Returns the configuration that it was made with. */
  Config config() {
    return ConfigFiles.load(file(CONFIG), List.of());
  }

  /** Says what changed since a checkpoint, the first few of it. */
  static Optional<String> changes(List<ConfigChange> changes) {
    if (changes.isEmpty()) {
      return Optional.empty();
    }
    String named =
        changes.stream()
            .limit(NAMED_CHANGES)
            .map(ConfigChange::sinceCheckpoint)
            .collect(Collectors.joining("; "));
    int more = changes.size() - NAMED_CHANGES;
    return Optional.of(more > 0 ? named + "; and " + more + " more" : named);
  }

  /**
   * Says why its parameters do not fit a model, by what is other in the model's configuration.
   *
   * @param here the configuration of the model
   * @param problem what was found when they were read, for files
   * @return the problem, if the configuration is the same
   * @throws ConfigException if it is another, for users
   */
  public IOException unfit(Config here, IOException problem) {
    Optional<String> changed = changes(ConfigChange.under("model", config(), here));
    if (changed.isEmpty()) {
      return problem;
    }
    ConfigException refusal =
        new ConfigException(
            changed.get()
                + ": the parameters in "
                + folder
                + " do not fit such a model; leave it as it was, or train anew");
    refusal.initCause(problem);
    throw refusal;
  }

  /** Reads the state of the run. */
  TrainerState state() throws IOException {
    Path file = file(STATE);
    try {
      return TrainerState.fromMap(JsonText.object(file));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }
}
