package dev.hydra.inference;

import dev.hydra.libtorch.runtime.Tensors;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;

/**
 * What components show of decoding steps, such as the experts that tokens went to, for those who
 * look at an engine at work. Some steps a second are observed while somebody looks, none else, so
 * that it costs nothing when nobody does.
 */
public final class Observations {
  private static final long APART_NANOS = Duration.ofMillis(100).toNanos();
  private static final long INTEREST_NANOS = Duration.ofSeconds(2).toNanos();

  /** Of what is many, such as the rows of a memory, the largest. */
  private static final long LARGEST = 8;

  private volatile long lookedAt = System.nanoTime() - INTEREST_NANOS;
  private long observedAt = System.nanoTime() - APART_NANOS;
  private volatile Seen latest = new Seen(0, Map.of(), Map.of());

  /**
   * What was seen of a step.
   *
   * @param step how many steps the engine had made; 0 if none was observed
   * @param values by {@code site.name}: a number, or one for each expert; the mean where there is
   *     one for each token. The texts of a batch are seen together
   * @param largest by {@code site.name}, of what is many, such as the rows of a memory: the largest
   *     by their index, the largest first
   */
  public record Seen(
      long step, Map<String, double[]> values, Map<String, Map<Long, Double>> largest) {}

  /** Returns what was seen last, and asks for more in the next seconds; from any thread. */
  public Seen look() {
    lookedAt = System.nanoTime();
    return latest;
  }

  /** Says whether the next step is to be observed. */
  boolean due() {
    long now = System.nanoTime();
    return now - lookedAt < INTEREST_NANOS && now - observedAt >= APART_NANOS;
  }

  /** Keeps what components showed of a step. */
  void put(long step, Map<String, Tensor> observed) {
    observedAt = System.nanoTime();
    Map<String, double[]> values = new LinkedHashMap<>();
    Map<String, Map<Long, Double>> largest = new LinkedHashMap<>();
    observed.forEach(
        (name, value) -> {
          if (value.is_sparse()) {
            largest.put(name, largest(value.coalesce()));
          } else if (value.dim() > 1) { // one for each token
            values.put(name, new double[] {Tensors.number(Tensors.upcast(value).mean())});
          } else {
            values.put(name, Tensors.numbers(value));
          }
        });
    latest =
        new Seen(step, Collections.unmodifiableMap(values), Collections.unmodifiableMap(largest));
  }

  private static Map<Long, Double> largest(Tensor sparse) {
    Tensor entries = sparse.values();
    T_TensorTensor_T best = entries.topk(Math.min(LARGEST, entries.numel()));
    double[] found = Tensors.numbers(best.get0());
    long[] indices = Tensors.integers(sparse.indices().select(0, 0).index_select(0, best.get1()));
    Map<Long, Double> byIndex = new LinkedHashMap<>();
    for (int i = 0; i < found.length; i++) {
      byIndex.put(indices[i], found[i]);
    }
    return Collections.unmodifiableMap(byIndex);
  }
}
