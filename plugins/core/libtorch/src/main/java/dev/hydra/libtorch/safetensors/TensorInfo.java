package dev.hydra.libtorch.safetensors;

import java.util.List;

/**
 * The entry of one tensor in a file's header.
 *
 * @param shape its sizes; empty for a single number
 * @param begin the offset of its first byte from the end of the header
 * @param end the offset after its last byte
 */
public record TensorInfo(String name, DType dtype, List<Long> shape, long begin, long end) {
  /** Copies the shape. */
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /**
   * Describes a tensor that is not in a file yet: its bytes are counted from its own first.
   *
   * @throws ArithmeticException if it has more bytes than a long can count
   */
  public static TensorInfo of(String name, DType dtype, List<Long> shape) {
    return new TensorInfo(name, dtype, shape, 0, Layout.bytes(dtype, shape));
  }

  /** Returns the sizes as LibTorch takes them. */
  public long[] sizes() {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }
}
