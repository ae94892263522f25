package dev.hydra.experiments;

import java.util.Comparator;

/** What of the validation learning rates are chosen by. */
public enum Selection {
  /** The highest accuracy; of equal ones the fewest steps, then the lowest loss. */
  ACCURACY,
  /** The lowest loss. */
  LOSS;

  /** Returns an order in which the best comes first; a loss that is not finite comes last. */
  Comparator<TrialResult> bestFirst() {
    Comparator<TrialResult> finished = Comparator.comparing(result -> !result.finished());
    Comparator<TrialResult> better =
        this == LOSS
            ? Comparator.comparing(TrialResult::validationLoss)
            : Comparator.comparing((TrialResult result) -> -result.validation())
                .thenComparing(TrialResult::steps)
                .thenComparing(TrialResult::validationLoss);
    return finished.thenComparing(better);
  }
}
