package dev.hydra.trainer.evaluation;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/**
 * An observation that a component reported of itself, over some batches.
 *
 * @param values a number, or one for each expert; of what has one for each token the mean, the
 *     smallest and the largest
 * @param perToken whether it is such a summary
 */
public record Observation(List<Double> values, boolean perToken) {
  /** Returns the observation of one batch. */
  static Observation of(Tensor value) {
    if (value.dim() <= 1) {
      double[] numbers = Tensors.numbers(value);
      return new Observation(Arrays.stream(numbers).boxed().toList(), false);
    }
    return new Observation(
        List.of(
            Tensors.number(Tensors.upcast(value).mean()),
            Tensors.number(value.min()),
            Tensors.number(value.max())),
        true);
  }

  /**
   * Returns a number, a list of them, or an object with {@code mean}, {@code least}, {@code most}.
   */
  public Object json() {
    if (perToken) {
      Map<String, Double> named = new LinkedHashMap<>();
      named.put("mean", values.get(0));
      named.put("least", values.get(1));
      named.put("most", values.get(2));
      return named;
    }
    return values.size() == 1 ? values.get(0) : values;
  }

  /** Joins this observation of {@code batches} batches with that of one more. */
  Observation with(Observation next, int batches) {
    List<Double> joined = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      joined.add((values.get(i) * batches + next.values.get(i)) / (batches + 1));
    }
    if (perToken) {
      joined.set(1, Math.min(values.get(1), next.values.get(1)));
      joined.set(2, Math.max(values.get(2), next.values.get(2)));
    }
    return new Observation(List.copyOf(joined), perToken);
  }
}
