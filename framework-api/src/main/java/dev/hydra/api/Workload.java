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

  /** Returns the tokens in the state afterwards, or the largest number if they are more. */
  public long end() {
    return tokens > Long.MAX_VALUE - context ? Long.MAX_VALUE : context + tokens;
  }
}
