package dev.hydra.huggingface;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.safetensors.TensorInfo;
import dev.hydra.libtorch.safetensors.TensorReplacements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A model as its {@code config.json} describes it. Its weights are brought here by {@link
 * #importTo}, and taken back by {@link #exportTo}.
 */
final class PublishedModel {
  private final Path file;
  private final ModelPlan plan;
  private final List<String> warnings;

  private PublishedModel(Path file, ModelPlan plan, List<String> warnings) {
    this.file = file;
    this.plan = plan;
    this.warnings = warnings;
  }

  /**
   * Reads a {@code config.json}, and the {@code generation_config.json} beside it if there is one.
   *
   * @throws dev.hydra.api.ConfigException if one is malformed, or asks for what is not supported
   */
  static PublishedModel read(Path file) {
    PublishedConfig config = PublishedConfig.read(file);
    ModelPlan plan = Family.read(config);
    Path generation = file.resolveSibling(HuggingFace.GENERATION_CONFIG);
    if (Files.isRegularFile(generation)) {
      plan = plan.generating(PublishedConfig.read(generation));
    }
    return new PublishedModel(file, plan, config.warnings());
  }

  /** What the description says without an effect here. */
  List<String> warnings() {
    return warnings;
  }

  /** Its tensors, from theirs to ours. */
  List<Mapping> mappings() {
    return plan.mappings();
  }

  /** The model as HOCON text. */
  String text() {
    return "# From " + file.getFileName() + ".\n" + plan.text();
  }

  /** The model. */
  ModelSpec spec() {
    return ModelSpec.read(
        ConfigFactory.parseString(
            text(), ConfigParseOptions.defaults().setOriginDescription("model of " + file)));
  }

  /**
   * Builds the model without memory and compares its parameters with the tensors that will move.
   *
   * @throws dev.hydra.api.ConfigException if a component does not take what the description asks
   * @throws IllegalStateException if a component has other parameters than the family's
   */
  void check(Components components) {
    Map<String, List<Long>> expected = new HashMap<>();
    mappings().forEach(m -> m.to().forEach(cut -> expected.put(cut.name(), cut.shape())));
    Placement shapes = new Placement(Devices.meta(), ScalarType.Float);
    try (Model model = Model.build(spec(), components, shapes, 0)) {
      Map<String, List<Long>> built = new HashMap<>();
      for (Parameter parameter : model.parameters().all()) {
        built.put(parameter.name(), parameter.spec().shape());
      }
      if (!built.equals(expected)) {
        Set<String> names = new TreeSet<>(built.keySet());
        names.addAll(expected.keySet());
        names.removeIf(name -> Objects.equals(built.get(name), expected.get(name)));
        throw new IllegalStateException("parameters differ from the family's: " + names);
      }
    }
  }

  /**
   * Reads the weights of a published folder and writes them as ours.
   *
   * @param published the folder with the safetensors
   * @param target the file to write
   * @throws IOException if they do not fit the description; nothing is written then
   */
  void importTo(Path published, Path target, Progress progress) throws IOException {
    try (Shards shards = Shards.open(published)) {
      ModelPlan found = plan.namedAs(shards.tensors().keySet());
      Map<String, String> duplicates = found.duplicates();
      Transfer transfer =
          new Transfer(found.mappings(), shards, duplicates.keySet(), published.toString());
      for (Map.Entry<String, String> pair : duplicates.entrySet()) {
        if (shards.tensor(pair.getKey()).isPresent()) {
          Transfer.requireEqual(published, shards, pair.getKey(), pair.getValue());
        }
      }
      transfer.write(target, Map.of(), progress);
    }
  }

  /**
   * Reads weights of ours and writes them as published, in the types that they have.
   *
   * @param model the folder with our weights
   * @param replacements tensors in the place of some of them
   * @param target the file to write
   * @return the tensors that were written
   * @throws IOException if they do not fit the description; nothing is written then
   */
  List<TensorInfo> exportTo(
      Path model, Optional<TensorReplacements> replacements, Path target, Progress progress)
      throws IOException {
    try (Shards shards = Shards.open(model)) {
      if (replacements.isPresent()) {
        shards.replace(replacements.get());
      }
      List<Mapping> back = mappings().stream().map(Mapping::inverse).toList();
      Transfer transfer = new Transfer(back, shards, Set.of(), model.toString());
      transfer.sort();
      transfer.write(target, Map.of("format", "pt"), progress);
      return transfer.tensors();
    }
  }
}
