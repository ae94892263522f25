package dev.hydra.huggingface;

import java.util.List;

/**
 * The same elements, in the same order, as tensors of theirs and of ours: one each where only the
 * name differs, several where one side keeps together what the other keeps apart (the gate and up
 * projections, the experts of a layer).
 *
 * @param from what is read, in order
 * @param to what is written, in order; of the same type, since only bytes move
 */
record Mapping(List<TensorCut> from, List<TensorCut> to) {
  Mapping {
    from = List.copyOf(from);
    to = List.copyOf(to);
    if (elements(from) != elements(to)) {
      throw new IllegalArgumentException(from + " and " + to + " differ in size");
    }
  }

  private static long elements(List<TensorCut> cuts) {
    return cuts.stream().mapToLong(TensorCut::elements).sum();
  }

  /** The way back. */
  Mapping inverse() {
    return new Mapping(to, from);
  }
}
