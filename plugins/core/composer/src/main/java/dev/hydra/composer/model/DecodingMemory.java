package dev.hydra.composer.model;

import dev.hydra.api.Workload;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Predicts the memory of decoding. */
public final class DecodingMemory {
  private static final int BFLOAT16_BYTES = 2;

  private DecodingMemory() {}

  /**
   * Returns the bytes of the state that a model keeps of one text, as its components count it; the
   * meta device will do.
   *
   * @param compute the type that it computes in
   * @param tokens how many the text has, at least 1
   */
  public static double state(Model model, ScalarType compute, long tokens) {
    Workload last = new Workload(1, tokens - 1);
    double elements =
        model.blocks().stream()
            .flatMap(block -> block.slots().stream())
            .mapToDouble(slot -> slot.cost(last).state())
            .sum();
    return elements * (compute == ScalarType.BFloat16 ? BFLOAT16_BYTES : Float.BYTES);
  }
}
