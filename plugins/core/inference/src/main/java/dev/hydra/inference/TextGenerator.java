package dev.hydra.inference;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.Swapper;
import java.util.function.BooleanSupplier;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** Continues one text after the other with a model, by an {@link Engine} on the calling thread. */
public final class TextGenerator {
  private final Model model;
  private final EngineSettings settings;

  /**
   * Creates a generator with a model.
   *
   * @param model stays the caller's; nobody else runs it while a text is continued
   * @param vocabulary how many tokens mean something; a model may have room for more
   * @param settings what some of them mean
   */
  public TextGenerator(Model model, int vocabulary, GenerationSettings settings) {
    this(model, EngineSettings.of(oneText(model)).withTokens(vocabulary, settings));
  }

  private TextGenerator(Model model, EngineSettings settings) {
    this.model = model;
    this.settings = settings;
  }

  /** One text at a time: nobody waits, and no other begins as it does. */
  private static EngineLimits oneText(Model model) {
    int prefill = EngineLimits.prefillOn(model.placement().device());
    return new EngineLimits(1, 0, Session.LONGEST, prefill, 0);
  }

  /** Returns a generator whose components may be swapped between two tokens. */
  public TextGenerator swapping(Swapper newSwapper) {
    return new TextGenerator(model, settings.withSwapper(newSwapper));
  }

  /** Returns a generator that rounds the model's weights, see {@link EngineSettings}. */
  public TextGenerator quantized(Quantization to) {
    return new TextGenerator(model, settings.withQuantization(to));
  }

  /**
   * Draws tokens, until there are enough of them or one ends the text.
   *
   * @param stop asked between tokens, and between chunks of a long prompt, whether to end here
   * @param sink is given every token as it is drawn; false ends the text
   * @return why it has ended
   * @throws IllegalArgumentException if the prompt is empty or has a token that the model lacks
   * @throws NotFiniteException if a logit is NaN or infinite
   */
  public FinishReason generate(Request request, BooleanSupplier stop, IntPredicate sink) {
    Heard heard = new Heard(sink);
    try (Engine engine = new Engine(model, settings)) {
      Session session = engine.open(request.within(Session.LONGEST), heard);
      do {
        if (stop.getAsBoolean()) {
          session.cancel();
        }
      } while (engine.step());
    }
    return heard.outcome();
  }

  private static final class Heard implements TokenListener {
    private final IntPredicate sink;
    private FinishReason reason = FinishReason.CANCELLED;
    private @Nullable RuntimeException problem;

    Heard(IntPredicate sink) {
      this.sink = sink;
    }

    @Override
    public boolean token(TokenScore token) {
      return sink.test(token.token());
    }

    @Override
    public void finished(FinishReason why) {
      reason = why;
    }

    @Override
    public void failed(RuntimeException why) {
      problem = why;
    }

    FinishReason outcome() {
      if (problem != null) {
        throw problem;
      }
      return reason;
    }
  }
}
