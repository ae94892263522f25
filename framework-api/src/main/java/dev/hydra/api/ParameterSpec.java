package dev.hydra.api;

import java.util.List;
import java.util.stream.LongStream;

/**
 * Describes a parameter.
 *
 * @param name the name below the site, such as {@code in_proj.weight}
 * @param init how a new one is filled
 * @param shape its sizes, all at least 1
 * @param fp32 whether it stays float32 where the model computes in bfloat16
 * @param decay whether weight decay applies; by default to matrices only
 * @param trainable whether the optimizer changes it; otherwise it is state that checkpoints keep
 * @param sparse whether it is a table of which a step touches few rows, see {@link #table}
 */
public record ParameterSpec(
    String name,
    Init init,
    List<Long> shape,
    boolean fp32,
    boolean decay,
    boolean trainable,
    boolean sparse) {
  /** Checks name and shape. */
  public ParameterSpec {
    shape = List.copyOf(shape);
    if (name.isBlank()) {
      throw new IllegalArgumentException("a parameter needs a name");
    }
    for (long size : shape) {
      if (size < 1) {
        throw new IllegalArgumentException("parameter " + name + " has shape " + shape);
      }
    }
  }

  /**
   * Describes a trainable parameter in the compute type, decayed if it has two or more dimensions.
   */
  public static ParameterSpec of(String name, Init init, long... shape) {
    List<Long> sizes = LongStream.of(shape).boxed().toList();
    return new ParameterSpec(name, init, sizes, false, shape.length >= 2, true, false);
  }

  /**
   * Describes a table [rows, dim] of which a step touches few rows: its gradient is a sparse tensor
   * that holds these rows, as the lookup operators of LibTorch give it, and the optimizer changes
   * only them. So it is not decayed, and it exists once, in float32.
   */
  public static ParameterSpec table(String name, Init init, long rows, long dim) {
    return new ParameterSpec(name, init, List.of(rows, dim), true, false, true, true);
  }

  /** Returns this description, kept in float32: for decay rates, norms, router logits. */
  public ParameterSpec inFp32() {
    return new ParameterSpec(name, init, shape, true, decay, trainable, sparse);
  }

  /** Returns this description, without weight decay. */
  public ParameterSpec withoutDecay() {
    return new ParameterSpec(name, init, shape, fp32, false, trainable, sparse);
  }

  /** Returns this description, not changed by the optimizer. */
  public ParameterSpec frozen() {
    return new ParameterSpec(name, init, shape, fp32, false, false, false);
  }

  /** Returns the number of elements. */
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  /** Returns the shape as LibTorch wants it. */
  public long[] sizes() {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }
}
