package dev.hydra.api;

/**
 * A forward over one sequence, for accounting.
 *
 * @param tokens new tokens, at least 1
 * @param context tokens already in the state before them; 0 for training and prefill
 */
public record Workload(long tokens, long context) {
  /** Checks the range. */
  public Workload {
    if (tokens < 1 || context < 0) {
      throw new IllegalArgumentException("a workload needs tokens >= 1 and context >= 0");
    }
  }

  /** Describes a forward over a whole sequence at once. */
  public static Workload sequence(long tokens) {
    return new Workload(tokens, 0);
  }
}
