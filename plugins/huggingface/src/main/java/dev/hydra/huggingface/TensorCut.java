package dev.hydra.huggingface;

import java.util.List;

/**
 * A tensor by name and shape.
 *
 * @param shape its sizes
 */
record TensorCut(String name, List<Long> shape) {
  static TensorCut of(String name, long... shape) {
    return new TensorCut(name, java.util.Arrays.stream(shape).boxed().toList());
  }

  /** The number of its elements. */
  long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }
}
