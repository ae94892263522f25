package dev.hydra.api;

import org.bytedeco.pytorch.Tensor;

/**
 * A router's decision for every token. Tokens that are routed together, {@code span} at a time from
 * the first of a sequence on, share one: time is then a multiple of {@code span}.
 *
 * @param experts int64 [batch, time / span, k]: the k different experts of each token
 * @param weights float32 or float64 [batch, time / span, k]: what each expert's output is
 *     multiplied by; gradients reach the router through it
 * @param span tokens per decision, at least 1
 */
public record Routing(Tensor experts, Tensor weights, int span) {
  /** Checks the span. */
  public Routing {
    if (span < 1) {
      throw new IllegalArgumentException("a decision is for at least one token, not " + span);
    }
  }

  /** Creates decisions for single tokens. */
  public Routing(Tensor experts, Tensor weights) {
    this(experts, weights, 1);
  }

  /** Returns the same as decisions for single tokens: [batch, time, k] each. */
  public Routing byToken() {
    return span == 1 ? this : new Routing(repeated(experts), repeated(weights));
  }

  private Tensor repeated(Tensor decisions) {
    return decisions.unsqueeze(2).expand(-1, -1, span, -1).flatten(1, 2);
  }
}
