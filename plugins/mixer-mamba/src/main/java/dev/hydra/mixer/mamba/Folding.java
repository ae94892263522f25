package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Cuts the third dimension into pieces of equal size, the last one padded with zeros.
 *
 * @param length the size of the dimension
 * @param count the number of pieces
 * @param size the size of each
 */
record Folding(long length, long count, long size) {
  /** The fewest pieces of at most {@code limit}, as short as they may be, so little is padded. */
  static Folding of(long length, long limit) {
    long count = (length + limit - 1) / limit;
    return new Folding(length, count, (length + count - 1) / count);
  }

  /** [batch, heads, length, ...] to [batch, heads, count, size, ...]. */
  Tensor fold(Tensor tensor) {
    long padding = count * size - length;
    Tensor padded = padding == 0 ? tensor : Tensors.pad(tensor, 2, 0, padding);
    return padded.unflatten(2, count, size);
  }

  /** [batch, heads, count, size, ...] to [batch, heads, length, ...]. */
  Tensor unfold(Tensor pieces) {
    Tensor flat = pieces.flatten(2, 3);
    return flat.size(2) == length ? flat : flat.narrow(2, 0, length);
  }
}
