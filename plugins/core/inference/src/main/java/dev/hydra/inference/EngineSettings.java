package dev.hydra.inference;

import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.graphs.GraphMode;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The settings of an engine; {@link #of} gives the usual ones.
 *
 * @param limits its bounds
 * @param vocabulary how many tokens mean something, at most; a model may have room for more
 * @param generation what some of them mean
 * @param swapper exchanges the model's components between two steps, if they may be swapped
 * @param graph whether steps are captured as CUDA graphs
 * @param quantization what the weights of linear maps are rounded to, in place: the model computes
 *     with the rounded ones from then on, in the engine and elsewhere. Components that are swapped
 *     in follow
 */
public record EngineSettings(
    EngineLimits limits,
    int vocabulary,
    GenerationSettings generation,
    Optional<Swapper> swapper,
    GraphMode graph,
    Quantization quantization) {
  /**
   * Returns the usual settings: all tokens of the model are drawn and none has a meaning of its
   * own, nothing is swapped or rounded, and steps are captured where that is possible.
   */
  public static EngineSettings of(EngineLimits limits) {
    return new EngineSettings(
        limits,
        Integer.MAX_VALUE,
        GenerationSettings.NONE,
        Optional.empty(),
        GraphMode.AUTO,
        Quantization.NONE);
  }

  /** Returns the same settings for the tokens of a tokenizer. */
  public EngineSettings withTokens(int known, GenerationSettings meaning) {
    return new EngineSettings(limits, known, meaning, swapper, graph, quantization);
  }

  /** Returns the same settings with what exchanges components; null for nothing. */
  public EngineSettings withSwapper(@Nullable Swapper exchanging) {
    return new EngineSettings(
        limits, vocabulary, generation, Optional.ofNullable(exchanging), graph, quantization);
  }

  /** Returns the same settings, by which steps are captured or not. */
  public EngineSettings withGraph(GraphMode mode) {
    return new EngineSettings(limits, vocabulary, generation, swapper, mode, quantization);
  }

  /** Returns the same settings, by which weights are rounded. */
  public EngineSettings withQuantization(Quantization to) {
    return new EngineSettings(limits, vocabulary, generation, swapper, graph, to);
  }
}
