package dev.hydra.libtorch.safetensors;

import java.util.List;

/**
 * What a file's header says of one tensor.
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

  /** The sizes as LibTorch takes them. */
  public long[] sizes() {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }
}
