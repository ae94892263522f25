package dev.hydra.mixer.mamba;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * What the forward pass of the kernels leaves for the backward pass: what depends on the steps
 * alone, see {@code ssd_decay.cu}, float32 [batch, heads, padded time] where nothing else is said,
 * and the states between chunks where they went to memory anyway.
 *
 * @param total [batch, heads, chunks]
 * @param first int32 [batch, padded time], with documents
 * @param before the states before chunks [batch, chunks, heads, headDim, state], unless forward is
 *     one kernel
 */
record SsdKept(
    Tensor step,
    Tensor logs,
    Tensor fromStart,
    Tensor toEnd,
    Tensor total,
    @Nullable Tensor first,
    @Nullable Tensor before) {
  private static final int ALWAYS = 5;

  /** The same with the states before chunks. */
  SsdKept with(Tensor states) {
    return new SsdKept(step, logs, fromStart, toEnd, total, first, states);
  }

  /** All of them, in an order that {@link #of} knows. */
  Tensor[] tensors() {
    List<Tensor> all = new ArrayList<>(List.of(step, logs, fromStart, toEnd, total));
    if (first != null) {
      all.add(first);
    }
    if (before != null) {
      all.add(before);
    }
    return all.toArray(Tensor[]::new);
  }

  /**
   * Puts what was kept together again.
   *
   * @param tensor gives each by its number
   */
  static SsdKept of(IntFunction<Tensor> tensor, boolean documents, boolean states) {
    return new SsdKept(
        tensor.apply(0),
        tensor.apply(1),
        tensor.apply(2),
        tensor.apply(3),
        tensor.apply(4),
        documents ? tensor.apply(ALWAYS) : null,
        states ? tensor.apply(documents ? ALWAYS + 1 : ALWAYS) : null);
  }
}
