package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Splits the second dimension into chunks of equal size, the last one padded with zeros.
 *
 * @param length the size of the dimension
 * @param count the number of chunks
 * @param size the size of each
 */
public record Chunks(long length, long count, long size) {
  /**
   * Returns the fewest chunks of at most {@code limit}, as short as they may be, so little is
   * padded.
   */
  public static Chunks of(long length, long limit) {
    long count = (length - 1) / limit + 1;
    return new Chunks(length, count, (length - 1) / count + 1);
  }

  /** Splits [batch, length, ...] into [batch, count, size, ...]. */
  public Tensor split(Tensor tensor) {
    long padding = count * size - length;
    Tensor padded = padding == 0 ? tensor : Tensors.pad(tensor, 1, 0, padding);
    return padded.unflatten(1, count, size);
  }

  /** Joins what {@link #split} gave: [batch, count, size, ...] to [batch, length, ...]. */
  public Tensor join(Tensor pieces) {
    Tensor flat = pieces.flatten(1, 2);
    return flat.size(1) == length ? flat : flat.narrow(1, 0, length);
  }
}
