package dev.hydra.huggingface;

import java.util.Arrays;
import java.util.List;

/**
 * A tensor by name and shape.
 *
 * @param shape its sizes
 */
record TensorCut(String name, List<Long> shape) {
  static TensorCut of(String name, long... shape) {
    return new TensorCut(name, Arrays.stream(shape).boxed().toList());
  }

  /** The same under another name. */
  TensorCut named(String newName) {
    return new TensorCut(newName, shape);
  }

  /** The number of its elements. */
  long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }
}
