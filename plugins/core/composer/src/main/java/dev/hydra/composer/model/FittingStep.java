package dev.hydra.composer.model;

import dev.hydra.composer.model.TrainingMemory.Step;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A training step that is predicted to fit into some memory.
 *
 * @param step what it computes
 * @param forwards forwards per optimizer step
 * @param peak predicted bytes at its fullest moment
 */
public record FittingStep(Step step, int forwards, double peak) {
  /** Of the memory; the rest is for libraries, and for how far a prediction may be off. */
  private static final double USABLE = 0.9;

  /** A recurrence over fewer tokens is hardly what was wanted. */
  private static final long SHORTEST = 128;

  private record Search(Model model, ScalarType compute, Step asked, double limit) {
    Optional<FittingStep> fitting(long rows, long tokens, Recompute recompute, long forwards) {
      Step step = new Step(rows, tokens, recompute, forwards > 1, asked.optimizer());
      double peak = TrainingMemory.of(model, compute, step).peak();
      return peak <= limit
          ? Optional.of(new FittingStep(step, (int) forwards, peak))
          : Optional.empty();
    }
  }

  /**
   * Finds steps that need less than one which does not fit: with more recomputation; with fewer
   * sequences in a forward, of which more are added up, so that the batch stays the same; where
   * none of these fits, with shorter sequences. The largest that fits without more recomputation,
   * and with more where that lets it be larger.
   *
   * @param model which may be on the meta device
   * @param compute the type that it computes in
   * @param asked the step that does not fit
   * @param forwards its forwards per optimizer step
   * @param memory bytes that there are for it
   * @return those with most tokens in a forward first; none if not even the shortest sequence fits
   */
  public static List<FittingStep> below(
      Model model, ScalarType compute, Step asked, int forwards, double memory) {
    double known = TrainingMemory.of(model, compute, asked).peak(); // and yet it did not fit
    Search search = new Search(model, compute, asked, USABLE * Math.min(memory, known));
    List<FittingStep> all = all(search, recompute -> largest(search, recompute, forwards));
    if (all.isEmpty()) {
      all = all(search, recompute -> longest(search, recompute, forwards));
    }
    Collections.reverse(all);
    return List.copyOf(all);
  }

  /** What recomputes more comes only where it has more tokens in a forward. */
  private static List<FittingStep> all(
      Search search, Function<Recompute, Optional<FittingStep>> find) {
    List<FittingStep> all = new ArrayList<>();
    long tokens = 0;
    for (Recompute recompute : Recompute.values()) {
      Optional<FittingStep> found =
          recompute.compareTo(search.asked.recompute()) < 0
              ? Optional.empty()
              : find.apply(recompute);
      if (found.isPresent() && found.get().tokens() > tokens) {
        tokens = found.get().tokens();
        all.add(found.get());
      }
    }
    return all;
  }

  private long tokens() {
    return step.rows() * step.tokens();
  }

  private static Optional<FittingStep> largest(Search search, Recompute recompute, int forwards) {
    long sequences = search.asked.rows() * forwards;
    for (long rows = search.asked.rows(); rows >= 1; rows--) {
      if (sequences % rows == 0) {
        Optional<FittingStep> found =
            search.fitting(rows, search.asked.tokens(), recompute, sequences / rows);
        if (found.isPresent()) {
          return found;
        }
      }
    }
    return Optional.empty();
  }

  private static Optional<FittingStep> longest(Search search, Recompute recompute, int forwards) {
    long sequences = search.asked.rows() * forwards;
    for (long tokens = search.asked.tokens() / 2; tokens >= SHORTEST; tokens /= 2) {
      Optional<FittingStep> found = search.fitting(1, tokens, recompute, sequences);
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }
}
