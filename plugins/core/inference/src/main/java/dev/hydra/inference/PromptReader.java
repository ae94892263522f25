package dev.hydra.inference;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Reads prompts into decoding states, in chunks: all tokens but the last, which is the first to be
 * decoded. Goes on from a state that was kept of an earlier text where there is one.
 */
final class PromptReader {
  /** Positions whose logits are held at a time: 1,024 of 100,000 tokens are 400 MB. */
  private static final long LOGITS_AT_A_TIME = 1024;

  private final Model model;
  private final GenerationSettings settings;
  private final PrefixCache prefixes;
  private final EngineStatistics statistics;

  PromptReader(
      Model model, GenerationSettings settings, PrefixCache prefixes, EngineStatistics statistics) {
    this.model = model;
    this.settings = settings;
    this.prefixes = prefixes;
    this.statistics = statistics;
  }

  /**
   * Says whether states of a session are kept, which those of a prompt with padding are not, nor
   * those of which components have gone.
   */
  boolean keeps(Session session) {
    return prefixes.enabled() && !session.swapped() && !padded(session.request().prompt());
  }

  /**
   * Keeps the state that a text was left in: it has seen all tokens but the last, or that one too
   * where a step was made too many.
   *
   * @param state owned from now on
   */
  void keep(Session session, ModelState state) {
    prefixes.put(Arrays.copyOf(session.tokens(), Math.toIntExact(state.position())), state);
  }

  /** Says whether all has been read. */
  boolean finished(Session session) {
    Request request = session.request();
    ModelState state = session.state();
    long read = state == null ? 0 : state.position();
    boolean nothing = request.maxTokens() == 0 && !request.scores().prompt();
    return nothing || read >= request.prompt().length - 1;
  }

  /**
   * Reads on.
   *
   * @param budget how many tokens at most; what must be read in one piece may be more
   * @return how many tokens were read
   */
  int read(Session session, int budget) {
    if (finished(session) && !(session.state() == null && session.request().scores().prompt())) {
      return 0;
    }
    int[] prompt = session.request().prompt();
    int end = prompt.length - 1;
    ModelState state = session.state();
    if (state == null) {
      state = begin(session, Arrays.copyOf(prompt, end));
      session.state(state);
    }
    int from = Math.toIntExact(state.position());
    boolean whole = session.request().scores().prompt() || padded(prompt);
    int to = whole ? end : Math.min(end, from + budget);
    if (to > from) {
      forward(session, state, from, to);
      statistics.read(to - from);
      if (keeps(session)) {
        prefixes.put(Arrays.copyOf(prompt, to), state.fork());
      }
    } else if (session.request().scores().prompt()) {
      session.listener().prompt(List.of()); // of a single token there is nothing to say
    }
    return to - from;
  }

  /** A state that has seen as much of the prompt as is known, or nothing. */
  private ModelState begin(Session session, int[] prompt) {
    if (session.request().scores().prompt() || !keeps(session)) {
      return new ModelState();
    }
    Optional<ModelState> known = prefixes.longest(prompt);
    known.ifPresent(state -> statistics.reused(state.position()));
    return known.orElseGet(ModelState::new);
  }

  private void forward(Session session, ModelState state, int from, int to) {
    int[] prompt = session.request().prompt();
    try (PointerScope scope = new PointerScope();
        ForwardContext forward = ForwardContext.evaluation().with(state)) {
      Tensor ids = SequenceScorer.ids(model, Arrays.copyOfRange(prompt, from, to));
      if (from == 0 && padded(prompt)) {
        try (Scalar token = new Scalar(settings.paddingToken().orElseThrow())) {
          forward.padded(ids.eq(token));
        }
      }
      Tensor hidden = model.hidden(ids, forward);
      if (session.request().scores().prompt()) {
        session.listener().prompt(scores(hidden, prompt, session.request().scores().top()));
      }
    }
  }

  private List<TokenScore> scores(Tensor hidden, int[] prompt, int top) {
    List<TokenScore> scores = new ArrayList<>();
    for (long from = 0; from < hidden.size(1); from += LOGITS_AT_A_TIME) {
      long to = Math.min(hidden.size(1), from + LOGITS_AT_A_TIME);
      try (PointerScope scope = new PointerScope()) {
        Tensor logits = model.logits(Tensors.slice(hidden, 1, from, to)).squeeze(0);
        int[] tokens = Arrays.copyOfRange(prompt, (int) from + 1, (int) to + 1);
        scores.addAll(Scores.of(logits, tokens, top));
      }
    }
    NotFiniteException.check(
        model.placement(),
        "log-probabilities",
        scores.stream().mapToDouble(TokenScore::logProbability).toArray());
    return scores;
  }

  /** Whether some of the tokens that are read only fill the prompt up, which has others. */
  private boolean padded(int[] prompt) {
    if (settings.paddingToken().isEmpty()) {
      return false;
    }
    int padding = settings.paddingToken().get();
    return Arrays.stream(prompt, 0, prompt.length - 1).anyMatch(token -> token == padding)
        && Arrays.stream(prompt).anyMatch(token -> token != padding);
  }
}
