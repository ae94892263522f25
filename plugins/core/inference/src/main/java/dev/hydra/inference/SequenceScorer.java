package dev.hydra.inference;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.graphs.CapturedForward;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Says how likely a model finds sequences of tokens. On CUDA the forward of several of one length
 * after each other is captured as a graph, whose memory is held until another length comes or this
 * is closed.
 */
public final class SequenceScorer implements AutoCloseable {
  /** Positions whose logits are held at a time: 1,024 of 100,000 tokens are 400 MB. */
  private static final long LOGITS_AT_A_TIME = 1024;

  private final Model model;
  private final CapturedForward forward;

  /** Creates a scorer with a model, of which nothing is captured. */
  public SequenceScorer(Model model) {
    this(model, GraphMode.OFF, why -> {});
  }

  /**
   * Creates a scorer with a model, which stays as it is.
   *
   * @param warned is told why its forward cannot be captured
   */
  public SequenceScorer(Model model, GraphMode graph, Consumer<String> warned) {
    this(model, graph, warned, ids -> whole(model, ids));
  }

  private SequenceScorer(
      Model model, GraphMode graph, Consumer<String> warned, UnaryOperator<Tensor> hidden) {
    this.model = model;
    this.forward =
        new CapturedForward(
            model.placement().device(), hidden::apply, () -> graph == GraphMode.AUTO, warned);
  }

  /**
   * Creates a scorer that decodes token by token with state, as texts are continued: for those who
   * measure what the type of states costs in quality.
   */
  public static SequenceScorer decoding(Model model) {
    return new SequenceScorer(model, GraphMode.OFF, why -> {}, ids -> decoded(model, ids));
  }

  private static Tensor whole(Model model, Tensor ids) {
    return hidden(model, ids, ForwardContext.evaluation());
  }

  private static Tensor hidden(Model model, Tensor ids, ForwardContext forward) {
    try (Grad off = Grad.off();
        ForwardContext context = forward) {
      return model.hidden(ids, context);
    }
  }

  private static Tensor decoded(Model model, Tensor ids) {
    Tensor[] each = new Tensor[(int) ids.size(1)];
    try (BatchState batch = model.batch()) {
      ModelState state = new ModelState();
      ForwardContext first = ForwardContext.evaluation().with(state);
      each[0] = hidden(model, Tensors.slice(ids, 1, 0, 1), first);
      batch.add(state);
      for (int i = 1; i < each.length; i++) {
        ForwardContext next = ForwardContext.evaluation().with(batch);
        each[i] = hidden(model, Tensors.slice(ids, 1, i, i + 1L), next);
      }
    }
    return Tensors.cat(1, each);
  }

  /**
   * Returns the logarithm of the probability of every token but the first, given those before it,
   * in nats.
   *
   * @throws IllegalArgumentException if the sequence is empty or has a token that the model lacks
   * @throws NotFiniteException if any of them is NaN or infinite
   */
  public double[] logProbabilities(int[] tokens) {
    checkTokens(tokens, model.spec().vocabSize());
    double[] result = new double[tokens.length - 1];
    if (result.length == 0) {
      return result;
    }
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor ids = ids(model, tokens);
      Tensor hidden = forward.run(Tensors.slice(ids, 1, 0, result.length));
      for (long from = 0; from < result.length; from += LOGITS_AT_A_TIME) {
        long to = Math.min(result.length, from + LOGITS_AT_A_TIME);
        double[] part = part(hidden, ids, from, to);
        System.arraycopy(part, 0, result, (int) from, part.length);
      }
    }
    NotFiniteException.check(model.placement(), "log-probabilities", result);
    return result;
  }

  private double[] part(Tensor hidden, Tensor ids, long from, long to) {
    try (PointerScope scope = new PointerScope()) {
      Tensor logits = Tensors.upcast(model.logits(Tensors.slice(hidden, 1, from, to)));
      Tensor targets = Tensors.slice(ids, 1, from + 1, to + 1).unsqueeze(-1);
      return Tensors.numbers(logits.log_softmax(-1).gather(-1, targets));
    }
  }

  /** Returns tokens as int64 [1, time] on the model's device. */
  public static Tensor ids(Model model, int[] tokens) {
    long[] ids = Arrays.stream(tokens).asLongStream().toArray();
    return Tensor.create(ids).view(1, -1).to(model.placement().device(), ScalarType.Long);
  }

  /** Refuses an empty sequence, and tokens that are not in {@code 0..vocabulary-1}. */
  static void checkTokens(int[] tokens, int vocabulary) {
    if (tokens.length == 0) {
      throw new IllegalArgumentException("there is no token; give at least one");
    }
    for (int token : tokens) {
      if (token < 0 || token >= vocabulary) {
        throw new IllegalArgumentException(
            "token " + token + " is not in the vocabulary, 0 to " + (vocabulary - 1));
      }
    }
  }

  @Override
  public void close() {
    forward.close();
  }
}
