package dev.hydra.api;

import java.util.List;
import java.util.stream.LongStream;

/**
 * Describes a tensor that a component keeps of a text between forwards, see {@link StateCache}.
 *
 * @param name the name in the cache
 * @param shape its sizes for one row, without the first dimension, which is the batch; {@link
 *     #GROWING} for one that depends on the number of tokens
 */
public record StateSpec(String name, List<Long> shape) {
  /** Stands for a size that depends on how many tokens there were. */
  public static final long GROWING = -1;

  /** Checks name and shape. */
  public StateSpec {
    shape = List.copyOf(shape);
    if (name.isBlank()) {
      throw new IllegalArgumentException("a state needs a name");
    }
    for (long size : shape) {
      if (size < 1 && size != GROWING) {
        throw new IllegalArgumentException("state " + name + " has shape " + shape);
      }
    }
  }

  /** Describes a tensor by its sizes for one row. */
  public static StateSpec of(String name, long... shape) {
    return new StateSpec(name, LongStream.of(shape).boxed().toList());
  }

  /** Says whether its size depends on the number of tokens. */
  public boolean growing() {
    return shape.contains(GROWING);
  }
}
