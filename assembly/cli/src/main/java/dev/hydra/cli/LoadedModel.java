package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.chat.ChatTemplate;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.data.Tokenizer;
import dev.hydra.inference.Engine;
import dev.hydra.inference.EngineLimits;
import dev.hydra.inference.EngineSettings;
import dev.hydra.inference.GenerationSettings;
import dev.hydra.inference.NotFiniteException;
import dev.hydra.inference.Quantization;
import dev.hydra.trainer.run.Checkpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A model with what is needed to talk to it.
 *
 * @param checkpoint where it came from
 * @param config its configuration
 */
record LoadedModel(
    Checkpoint checkpoint,
    Config config,
    Model model,
    Optional<Tokenizer> tokenizer,
    Optional<ChatTemplate> template,
    GenerationSettings settings)
    implements AutoCloseable {
  /**
   * Reads a model; all that needs no LibTorch first, as the device may still be starting.
   *
   * @param template a file with its chat template, in place of its own
   * @param averages whether its weights are to be their averages
   */
  static LoadedModel read(
      Path folder,
      List<String> overrides,
      @Nullable Path template,
      AveragesOption averages,
      PluginJars plugins,
      DeviceArgument device,
      DecodingPrecision precision)
      throws IOException {
    Checkpoint checkpoint = ModelFolder.checkpoint(folder);
    Config config = ModelFolder.config(checkpoint, overrides);
    Optional<Tokenizer> tokenizer = ModelFolder.tokenizer(checkpoint, config, plugins.registry());
    Optional<ChatTemplate> chat = ChatFiles.found(checkpoint.folder(), template);
    GenerationSettings settings = GenerationSettings.read(ConfigFiles.part(config, "generation"));
    Placement placement = precision.on(device.device());
    Model model = ModelFolder.load(checkpoint, averages.of(checkpoint), config, plugins, placement);
    try {
      NotFiniteException.checkWeights(model);
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
    return new LoadedModel(checkpoint, config, model, tokenizer, chat, settings);
  }

  /**
   * Makes an engine that continues texts with it.
   *
   * @param swapper exchanges its components meanwhile
   * @param quantization what its weights are rounded to
   * @throws UsageException if there is no memory for that
   */
  Engine engine(EngineLimits limits, @Nullable Swapper swapper, Quantization quantization) {
    int vocabulary = tokenizer.map(Tokenizer::vocabSize).orElse(model.spec().vocabSize());
    try {
      return new Engine(
          model,
          EngineSettings.of(limits)
              .withTokens(vocabulary, settings)
              .withSwapper(swapper)
              .withQuantization(quantization));
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
  }

  /** The tokens that end a text. */
  Set<Integer> endTokens() {
    return endTokens(settings, tokenizer);
  }

  /** The tokens that end a text of a model, which has a tokenizer or not. */
  static Set<Integer> endTokens(GenerationSettings settings, Optional<Tokenizer> tokenizer) {
    Set<Integer> end = new HashSet<>(settings.endTokens());
    tokenizer.ifPresent(known -> known.endOfText().ifPresent(end::add));
    return end;
  }

  @Override
  public void close() {
    model.close();
  }
}
