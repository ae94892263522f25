package dev.hydra.trainer.evaluation;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.swap.Swapper;
import dev.hydra.data.Dataset;
import dev.hydra.data.ValidationWindows;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.trainer.step.LanguageLoss;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** Scores a model on held-out text. */
public final class Evaluator {
  private final Model model;
  private final ValidationWindows windows;
  private final Dataset dataset;
  private final int batchSize;
  private final @Nullable Swapper swapper;
  private long heldOutBytes; // 0: not counted yet

  /** Hears how far an evaluation is. */
  @FunctionalInterface
  public interface Progress {
    /** Hears that some windows have been scored, of those to be scored. */
    void evaluating(int windows, int of);
  }

  /**
   * Creates an evaluator over the held-out part of a dataset, {@code batchSize} windows at a time.
   */
  public Evaluator(Model model, Dataset dataset, int batchSize) {
    this(model, dataset, batchSize, null);
  }

  private Evaluator(Model model, Dataset dataset, int batchSize, @Nullable Swapper swapper) {
    this.model = model;
    this.windows = dataset.validation();
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.swapper = swapper;
  }

  /** Returns an evaluator whose components may be swapped between two batches. */
  public Evaluator swapping(Swapper newSwapper) {
    return new Evaluator(model, dataset, batchSize, newSwapper);
  }

  /** Says whether there is text to score. */
  public boolean possible() {
    return windows.count() > 0;
  }

  /**
   * Scores windows, spread evenly over the held-out text.
   *
   * @param limit at most so many windows, at least 1; rounded up to whole batches
   * @param stop asked before every batch
   * @param progress hears before every batch how much is done
   * @return the score; empty if it was stopped
   * @throws IllegalStateException if nothing is held out
   */
  public Optional<Score> score(int limit, BooleanSupplier stop, Progress progress) {
    if (!possible()) {
      throw new IllegalStateException("nothing is held out; raise data.validation-fraction");
    }
    int batches = batches(windows.count());
    int wanted = batches(Math.min(limit, windows.count()));
    double sum = 0;
    long tokens = 0;
    long bytes = 0;
    for (int i = 0; i < wanted; i++) {
      if (stop.getAsBoolean()) {
        return Optional.empty();
      }
      progress.evaluating(i * batchSize, Math.min(wanted * batchSize, windows.count()));
      boundary(i);
      int batch = (int) ((long) i * batches / wanted);
      try (PointerScope scope = new PointerScope();
          ForwardContext forward = ForwardContext.evaluation();
          Grad off = Grad.off()) {
        Tensor rows = windows.batch(batch * batchSize, batchSize);
        Tensor targets = Tensors.slice(rows, 1, 1, rows.size(1));
        double loss =
            Tensors.number(
                LanguageLoss.of(
                    model, rows.to(model.placement().device(), ScalarType.Long), forward));
        sum += loss * targets.numel();
        tokens += targets.numel();
        bytes += bytes(targets);
      }
    }
    return Optional.of(new Score(sum / tokens, tokens, bytes, heldOut()));
  }

  /**
   * Asks the components what they observe of themselves (expert load, gates, memory usage) on
   * windows spread evenly over the held-out text.
   *
   * @param limit at most so many windows, at least 1; rounded up to whole batches
   * @param progress hears before every batch how much is done
   * @return the observations by {@code site.name}
   */
  public Map<String, Observation> observe(int limit, Progress progress) {
    Map<String, Observation> all = new TreeMap<>();
    int batches = batches(windows.count());
    int wanted = batches(Math.min(limit, windows.count()));
    for (int i = 0; i < wanted; i++) {
      int before = i;
      progress.evaluating(i * batchSize, Math.min(wanted * batchSize, windows.count()));
      boundary(i);
      try (PointerScope scope = new PointerScope();
          ForwardContext forward = ForwardContext.evaluation().observing();
          Grad off = Grad.off()) {
        Tensor rows = windows.batch((int) ((long) i * batches / wanted) * batchSize, batchSize);
        Tensor tokens = Tensors.slice(rows, 1, 0, rows.size(1) - 1);
        model.hidden(tokens.to(model.placement().device(), ScalarType.Long), forward);
        forward
            .observations()
            .forEach(
                (name, value) ->
                    all.merge(name, Observation.of(value), (old, one) -> old.with(one, before)));
      }
    }
    return all;
  }

  private long heldOut() {
    if (heldOutBytes == 0) {
      heldOutBytes = windows.bytes(dataset.tokenizer());
    }
    return heldOutBytes;
  }

  private void boundary(int batch) {
    if (swapper != null) {
      swapper.boundary(batch);
    }
  }

  private int batches(int count) {
    return (count + batchSize - 1) / batchSize;
  }

  private long bytes(Tensor tokens) {
    long bytes = 0;
    for (long token : Tensors.integers(tokens)) {
      bytes += dataset.tokenizer().bytes((int) token).length;
    }
    return bytes;
  }
}
