package dev.hydra.huggingface;

import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ModelFiles;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.safetensors.TensorInfo;
import dev.hydra.libtorch.safetensors.TensorReplacements;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Imports and exports models in the format of Hugging Face transformers.
 *
 * <p>A folder of ours holds {@code config.conf}, {@code model.safetensors} and the description as
 * it was published, {@code hf-config.json}; files of the tokenizer and for generation go along.
 */
public final class HuggingFace {
  /** The description in a folder of ours, as it was published. */
  public static final String KEPT_CONFIG = "hf-config.json";

  /** What decides on tokens in generation, before the description. */
  static final String GENERATION_CONFIG = "generation_config.json";

  private static final String PUBLISHED_CONFIG = "config.json";
  private static final String OUR_CONFIG = "config.conf";

  private static final List<String> COMPANIONS =
      List.of(
          GENERATION_CONFIG,
          "tokenizer.json",
          "tokenizer_config.json",
          "tokenizer.model",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "chat_template.jinja",
          "chat_template.json");

  private HuggingFace() {}

  /**
   * Imports a published model.
   *
   * @param published a folder with config.json and safetensors
   * @param out the folder to make
   * @param components the component types that there are
   * @param progress told how many bytes have moved
   * @return what the description says without an effect here
   * @throws dev.hydra.api.ConfigException if the description is malformed, or asks for what is not
   *     supported
   * @throws IOException if the weights do not fit the description, or out is not free; nothing is
   *     left behind
   */
  public static List<String> importModel(
      Path published, Path out, Components components, Progress progress) throws IOException {
    Path config = published.resolve(PUBLISHED_CONFIG);
    PublishedModel model = PublishedModel.read(config);
    model.check(components);
    StagingFolder.write(
        out,
        folder -> {
          model.importTo(published, folder.resolve(Shards.FILE), progress);
          Files.writeString(folder.resolve(OUR_CONFIG), model.text());
          copy(config, folder.resolve(KEPT_CONFIG));
          copyCompanions(published, folder);
        });
    return model.warnings();
  }

  /**
   * Exports a model that was imported, as it came or trained further; low-rank adapters are added
   * to what they adapt.
   *
   * @param model a folder with config.conf and model.safetensors
   * @param replacements tensors to export in the place of the model's, such as averages
   * @param description the config.json to write; by default the one that the import kept, in the
   *     folder or that of the run
   * @param out the folder to make
   * @param components the component types that there are
   * @param progress told how many bytes have moved
   * @return in what the config.json that was written differs from the description
   * @throws dev.hydra.api.ConfigException if the description or the model's configuration is
   *     malformed
   * @throws IOException if the model is another than the description says, or out is not free;
   *     nothing is left behind
   */
  public static List<String> exportModel(
      Path model,
      Optional<TensorReplacements> replacements,
      Optional<Path> description,
      Path out,
      Components components,
      Progress progress)
      throws IOException {
    Path config = description.orElseGet(() -> kept(model));
    if (!Files.isRegularFile(config)) {
      throw new IOException(
          "there is no " + config + "; name the config.json that the model was imported from");
    }
    PublishedModel published = PublishedModel.read(config);
    Path ours = model.resolve(OUR_CONFIG);
    List<String> differences =
        SpecDifferences.between(
            published.spec(), ModelSpec.read(ConfigFiles.load(ours, List.of())), components);
    if (!differences.isEmpty()) {
      Problems problems = new Problems();
      differences.forEach(difference -> problems.add("differences", difference));
      problems.throwIfAny(ours + " is not the model that " + config + " describes");
    }
    List<String> notes = new ArrayList<>();
    StagingFolder.write(
        out,
        folder -> {
          List<TensorInfo> weights = export(published, model, replacements, folder, progress);
          // Byte by byte: what is looked for is ASCII, and all else stays as it is.
          WeightType type =
              WeightType.of(weights, Files.readString(config, StandardCharsets.ISO_8859_1));
          Files.writeString(
              folder.resolve(PUBLISHED_CONFIG), type.json(), StandardCharsets.ISO_8859_1);
          notes.addAll(type.notes());
          copyCompanions(model, folder);
          // A checkpoint's tokenizer lies in the folder of its run.
          copyCompanions(model.toAbsolutePath().resolve("../../tokenizer").normalize(), folder);
        });
    return notes;
  }

  private static Path kept(Path model) {
    Path own = model.resolve(KEPT_CONFIG);
    Path ofRun = model.toAbsolutePath().resolve("../..").normalize().resolve(KEPT_CONFIG);
    return !Files.isRegularFile(own) && Files.isRegularFile(ofRun) ? ofRun : own;
  }

  private static List<TensorInfo> export(
      PublishedModel published,
      Path model,
      Optional<TensorReplacements> replacements,
      Path folder,
      Progress progress)
      throws IOException {
    Path ours = model.resolve(Shards.FILE);
    Path target = folder.resolve(Shards.FILE);
    if (!Files.isRegularFile(ours) || !ModelFiles.adapted(ours)) {
      return published.exportTo(model, replacements, target, progress);
    }
    Path merged = Files.createDirectory(folder.resolve("merged"));
    ModelFiles.merge(ours, replacements, merged.resolve(Shards.FILE));
    List<TensorInfo> weights = published.exportTo(merged, Optional.empty(), target, progress);
    DurableFiles.delete(merged);
    return weights;
  }

  private static void copyCompanions(Path from, Path to) throws IOException {
    for (String name : COMPANIONS) {
      if (Files.isRegularFile(from.resolve(name)) && !Files.exists(to.resolve(name))) {
        copy(from.resolve(name), to.resolve(name));
      }
    }
  }

  /** Copies what is in a file, but not its permissions: downloads are often read-only. */
  private static void copy(Path from, Path to) throws IOException {
    Files.write(to, Files.readAllBytes(from));
  }
}
