package dev.hydra.trainer.evaluation;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.data.Batch;
import dev.hydra.data.Dataset;
import dev.hydra.data.Tokenizer;
import dev.hydra.data.ValidationSet;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.graphs.CapturedForward;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.trainer.step.LanguageLoss;
import dev.hydra.trainer.step.TokenWindows;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** Scores a model on the validation sets. */
public final class Evaluator {
  private final Model model;
  private final Tokenizer tokenizer;
  private final List<ValidationSet> sets;
  private final int batchSize;
  private final @Nullable Swapper swapper;
  private final Capture capture;
  private boolean refused;

  /** Whether a forward may be captured, asked before each, and who hears why one cannot be. */
  private record Capture(BooleanSupplier wanted, Consumer<String> warned) {
    static final Capture NONE = new Capture(() -> false, why -> {});
  }

  /** Hears how far an evaluation is. */
  @FunctionalInterface
  public interface Progress {
    /** Hears that some windows of a set have been scored, of those to be scored. */
    void evaluating(String set, int windows, int of);
  }

  /** Creates an evaluator on those of a dataset, {@code batchSize} windows at a time. */
  public Evaluator(Model model, Dataset dataset, int batchSize) {
    this(model, dataset.tokenizer(), dataset.validation(), batchSize);
  }

  /** Creates an evaluator on some sets, {@code batchSize} windows at a time. */
  public Evaluator(Model model, Tokenizer tokenizer, List<ValidationSet> sets, int batchSize) {
    this(model, tokenizer, List.copyOf(sets), batchSize, null, Capture.NONE);
  }

  private Evaluator(
      Model model,
      Tokenizer tokenizer,
      List<ValidationSet> sets,
      int batchSize,
      @Nullable Swapper swapper,
      Capture capture) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.sets = sets;
    this.batchSize = batchSize;
    this.swapper = swapper;
    this.capture = capture;
  }

  /** Returns an evaluator whose components may be swapped between two batches. */
  public Evaluator swapping(Swapper newSwapper) {
    return new Evaluator(model, tokenizer, sets, batchSize, newSwapper, capture);
  }

  /**
   * Returns an evaluator that captures the forward as a CUDA graph, where a set has so many batches
   * that this pays. What is observed is computed operator by operator all the same.
   *
   * @param wanted asked before every batch
   * @param warned is told, once, why a forward cannot be captured
   */
  public Evaluator capturing(BooleanSupplier wanted, Consumer<String> warned) {
    return new Evaluator(model, tokenizer, sets, batchSize, swapper, new Capture(wanted, warned));
  }

  /** Says whether there is text to score. */
  public boolean possible() {
    return !sets.isEmpty();
  }

  /**
   * Scores windows of every validation set, spread evenly over its text.
   *
   * @param limit at most so many windows of a set, at least 1; rounded up to whole batches
   * @param stop asked before every batch
   * @param progress hears before every batch how much is done
   * @return the score of each set, in their order; none if it was stopped
   * @throws IllegalStateException if there is no validation set
   */
  public List<Score> score(int limit, BooleanSupplier stop, Progress progress) {
    if (!possible()) {
      throw new IllegalStateException("nothing is held out; raise data.validation-fraction");
    }
    List<Score> scores = new ArrayList<>();
    for (ValidationSet set : sets) {
      Optional<Score> score = score(set, limit, stop, progress);
      if (score.isEmpty()) {
        return List.of();
      }
      scores.add(score.get());
    }
    return List.copyOf(scores);
  }

  private Optional<Score> score(
      ValidationSet set, int limit, BooleanSupplier stop, Progress progress) {
    Choice choice = new Choice(set, limit);
    try (CapturedForward forward = forward(CapturedForward.pays(choice.wanted))) {
      return score(choice, forward, stop, progress);
    }
  }

  private CapturedForward forward(boolean pays) {
    return new CapturedForward(
        model.placement().device(),
        this::loss,
        () -> pays && !refused && capture.wanted().getAsBoolean(),
        why -> {
          refused = true;
          capture.warned().accept(why);
        });
  }

  private Optional<Score> score(
      Choice choice, CapturedForward forward, BooleanSupplier stop, Progress progress) {
    double sum = 0;
    long tokens = 0;
    long bytes = 0;
    int windows = 0;
    for (int i = 0; i < choice.wanted; i++) {
      if (stop.getAsBoolean()) {
        return Optional.empty();
      }
      progress.evaluating(choice.set.name(), i * batchSize, choice.windows());
      if (boundary(i)) {
        forward.changed();
      }
      Batch batch = choice.batch(i);
      long[] predicted = batch.predicted();
      sum += loss(forward, batch) * predicted.length;
      tokens += predicted.length;
      bytes += bytes(predicted);
      windows += batch.rows();
    }
    return Optional.of(
        new Score(
            choice.set.name(), sum / tokens, tokens, bytes, windows, choice.set.windows().count()));
  }

  private static double loss(CapturedForward forward, Batch batch) {
    try (PointerScope scope = new PointerScope()) {
      return Tensors.number(forward.run(batch.tensor()));
    }
  }

  /** The loss of windows as they are packed, on the model's device. */
  private Tensor loss(Tensor packed) {
    TokenWindows windows = TokenWindows.of(packed);
    try (Grad off = Grad.off();
        ForwardContext forward = windows.in(ForwardContext.evaluation())) {
      return LanguageLoss.of(model, windows, forward);
    }
  }

  /**
   * Asks the components what they observe of themselves (expert load, gates, memory usage) on
   * windows spread evenly over the first validation set.
   *
   * @param limit at most so many windows, at least 1; rounded up to whole batches
   * @param progress hears before every batch how much is done
   * @return the observations by {@code site.name}
   */
  public Map<String, Observation> observe(int limit, Progress progress) {
    Map<String, Observation> all = new TreeMap<>();
    ValidationSet set = sets.get(0);
    Choice choice = new Choice(set, limit);
    for (int i = 0; i < choice.wanted; i++) {
      int before = i;
      progress.evaluating(set.name(), i * batchSize, choice.windows());
      boundary(i);
      try (PointerScope scope = new PointerScope();
          Grad off = Grad.off()) {
        TokenWindows windows = TokenWindows.of(onDevice(choice.batch(i)));
        try (ForwardContext forward = windows.in(ForwardContext.evaluation().observing())) {
          model.hidden(windows.inputs(), forward);
          forward
              .observations()
              .forEach(
                  (name, value) -> {
                    if (!value.is_sparse()) { // what is many is for who looks at a model at work
                      all.merge(name, Observation.of(value), (old, one) -> old.with(one, before));
                    }
                  });
        }
      }
    }
    return all;
  }

  /** Batches spread evenly over a set. */
  private final class Choice {
    private final ValidationSet set;
    private final int all;
    private final int wanted;

    Choice(ValidationSet set, int limit) {
      this.set = set;
      this.all = batches(set.windows().count());
      this.wanted = batches(Math.min(limit, set.windows().count()));
    }

    Batch batch(int index) {
      return set.windows().batch((int) ((long) index * all / wanted) * batchSize, batchSize);
    }

    int windows() {
      return Math.min(wanted * batchSize, set.windows().count());
    }
  }

  private Tensor onDevice(Batch batch) {
    return batch.tensor().to(model.placement().device(), ScalarType.Long);
  }

  /** Says whether the model may be another one now. */
  private boolean boundary(int batch) {
    return swapper != null && swapper.boundary(batch).isPresent();
  }

  private int batches(int count) {
    return (count + batchSize - 1) / batchSize;
  }

  private long bytes(long[] tokens) {
    long bytes = 0;
    for (long token : tokens) {
      bytes += tokenizer.bytes((int) token).length;
    }
    return bytes;
  }
}
