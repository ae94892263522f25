package dev.hydra.router.topk;

import dev.hydra.api.Pass;
import dev.hydra.api.StateCache;
import dev.hydra.api.StateSpec;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What the next tokens of a sequence need to know of those before: three tensors [batch, experts]
 * in float64, zeros before the first token.
 *
 * @param decision the logits that the running chunk was decided by
 * @param total the sum of the logits of all tokens
 * @param mark what that sum was when the running chunk began
 */
record ChunkState(Tensor decision, Tensor total, Tensor mark) {
  static final String DECISION = "decision";
  static final String TOTAL = "total";
  static final String MARK = "mark";

  /** What is kept of one row. */
  static List<StateSpec> of(long experts) {
    return Stream.of(DECISION, TOTAL, MARK)
        .map(name -> StateSpec.of(name, experts).in(StateSpec.Dtype.FLOAT64))
        .toList();
  }

  /** The state before a forward with these logits [batch, time, experts]. */
  static ChunkState before(Tensor logits, Pass pass) {
    return new ChunkState(
        load(DECISION, logits, pass), load(TOTAL, logits, pass), load(MARK, logits, pass));
  }

  private static Tensor load(String name, Tensor logits, Pass pass) {
    return pass.cache()
        .flatMap(cache -> cache.get(name))
        .orElseGet(() -> Tensors.zeros(logits, ScalarType.Double, logits.size(0), logits.size(2)));
  }

  /** The decisions, but the running one for tokens whose chunk began in an earlier forward. */
  Tensor orRunning(Tensor chunkStart, Tensor decided) {
    try (Scalar zero = new Scalar(0)) {
      Tensor earlier = chunkStart.lt(zero).unsqueeze(-1);
      return torch.where(earlier, decision.unsqueeze(1), decided);
    }
  }

  /**
   * Leaves the state after a forward.
   *
   * @param decided the logits that each step was decided by [batch, steps, experts]
   * @param sums the sums of all logits before each step and after the last one
   */
  void leave(Tensor decided, Tensor sums, Steps steps, int chunk, StateCache cache) {
    long count = decided.size(1);
    if (cache.decoding()) {
      Tensor begins = steps.chunkStart(chunk).eq(steps.index());
      cache.put(MARK, torch.where(begins, sums.select(1, 0), mark));
    }
    cache.put(DECISION, decided.select(1, count - 1).clone());
    cache.put(TOTAL, sums.select(1, count).clone());
    if (cache.decoding()) {
      return;
    }
    long last = count * steps.size() - 1;
    long lastChunk = last - (cache.position() + last) % chunk;
    if (lastChunk >= 0) {
      cache.put(MARK, sums.select(1, lastChunk / steps.size()).clone());
    }
  }
}
