package dev.hydra.inference;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** Continues text with a model: one pass over the prompt, then a token at a time with state. */
public final class TextGenerator {
  private final Model model;
  private final int vocabulary;
  private final GenerationSettings settings;
  private final @Nullable Swapper swapper;

  /**
   * Creates a generator with a model.
   *
   * @param vocabulary how many tokens mean something; a model may have room for more
   * @param settings what some of them mean
   */
  public TextGenerator(Model model, int vocabulary, GenerationSettings settings) {
    this(model, Math.min(vocabulary, model.spec().vocabSize()), settings, null);
  }

  private TextGenerator(
      Model model, int vocabulary, GenerationSettings settings, @Nullable Swapper swapper) {
    this.model = model;
    this.vocabulary = vocabulary;
    this.settings = settings;
    this.swapper = swapper;
  }

  /** Returns a generator whose components may be swapped between two tokens. */
  public TextGenerator swapping(Swapper newSwapper) {
    return new TextGenerator(model, vocabulary, settings, newSwapper);
  }

  /**
   * Draws tokens, until there are enough of them or one ends the text.
   *
   * @param prompt what to continue, at least one token
   * @param tokens how many to draw
   * @param sink is given every token as it is drawn; false ends the generation
   * @throws IllegalArgumentException if the prompt is empty or has a token that the model lacks
   * @throws NotFiniteException if a logit is NaN or infinite
   */
  public void generate(int[] prompt, int tokens, Sampling sampling, IntPredicate sink) {
    SequenceScorer.checkTokens(prompt, vocabulary);
    try (ModelState state = new ModelState();
        SampledRow row = new SampledRow(sampling, prompt);
        Grad off = Grad.off()) {
      int[] next = prompt;
      for (int drawn = 0; drawn < tokens; drawn++) {
        if (swapper != null) {
          swapper.boundary(drawn, state);
        }
        int token = draw(next, state, row);
        row.drawn(token);
        if (!sink.test(token) || settings.endTokens().contains(token)) {
          return;
        }
        next = new int[] {token};
      }
    }
  }

  /** Returns where the prompt has the padding token, if it has it, and others. */
  private Optional<Tensor> padding(Tensor prompt) {
    if (settings.paddingToken().isEmpty()) {
      return Optional.empty();
    }
    try (Scalar token = new Scalar(settings.paddingToken().get())) {
      Tensor padding = prompt.eq(token);
      boolean mixed = Tensors.any(padding) && Tensors.any(padding.logical_not());
      return mixed ? Optional.of(padding) : Optional.empty();
    }
  }

  private int draw(int[] tokens, ModelState state, SampledRow row) {
    try (PointerScope scope = new PointerScope();
        ForwardContext forward = ForwardContext.evaluation().with(state)) {
      Tensor input = SequenceScorer.ids(model, tokens);
      if (state.position() == 0) {
        padding(input).ifPresent(forward::padded);
      }
      Tensor hidden = model.hidden(input, forward);
      Tensor last = Tensors.slice(hidden, 1, tokens.length - 1, tokens.length);
      Tensor logits = Tensors.slice(model.logits(last).squeeze(1), 1, 0, vocabulary);
      int token = Sampler.draw(logits, List.of(row))[0];
      if (token == Sampler.NOT_FINITE) {
        throw NotFiniteException.logits();
      }
      return token;
    }
  }
}
