package dev.hydra.experiments;

import java.util.Comparator;

/** What of the validation learning rates are chosen by. */
public enum Selection {
  /** The highest accuracy; of equal ones the fewest steps, then the lowest loss. */
  ACCURACY(
      Comparator.comparing((TrialResult result) -> -result.validation())
          .thenComparing(TrialResult::steps)
          .thenComparing(TrialResult::validationLoss)),

  /** The lowest loss. */
  LOSS(Comparator.comparing(TrialResult::validationLoss));

  private final Comparator<TrialResult> better;

  Selection(Comparator<TrialResult> better) {
    this.better = better;
  }

  /** Returns an order in which the best comes first; a loss that is not finite comes last. */
  Comparator<TrialResult> bestFirst() {
    return Comparator.comparing((TrialResult result) -> !result.finished()).thenComparing(better);
  }
}
