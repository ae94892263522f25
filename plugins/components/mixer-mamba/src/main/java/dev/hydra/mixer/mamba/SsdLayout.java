package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.nn.Chunks;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The shapes of one SSD, and how tensors are laid out for its products. All heads of a group share
 * B and C, so products with them take the heads of a group side by side, as they already lie in
 * memory; only the products within chunks, which differ by head, need every head apart.
 *
 * @param batch sequences
 * @param heads heads
 * @param headDim channels of each
 * @param groups sets of B and C
 * @param state elements of the state per channel
 * @param chunks how time is cut
 */
record SsdLayout(long batch, long heads, long headDim, long groups, long state, Chunks chunks) {
  /** For x [batch, time, heads, headDim] and b [batch, time, groups, state]. */
  static SsdLayout of(Tensor x, Tensor b, int chunk) {
    return new SsdLayout(
        x.size(0), x.size(2), x.size(3), b.size(2), b.size(3), Chunks.of(x.size(1), chunk));
  }

  /** [batch, time, groups, state] to [batch * chunks * groups, size, state]. */
  Tensor byGroup(Tensor projection) {
    return chunks.split(projection).transpose(2, 3).reshape(-1, chunks.size(), state);
  }

  /** The reverse of {@link #byGroup}. */
  Tensor fromGroups(Tensor projection) {
    return chunks.join(
        projection.view(batch, chunks.count(), groups, chunks.size(), state).transpose(2, 3));
  }

  /** [batch, chunks, size, heads, headDim] to [batch * chunks * groups, size, channels]. */
  Tensor sideBySide(Tensor values) {
    return values
        .unflatten(3, groups, heads / groups)
        .transpose(2, 3)
        .reshape(-1, chunks.size(), heads / groups * headDim);
  }

  /** The reverse of {@link #sideBySide}. */
  Tensor fromSides(Tensor values) {
    return values
        .view(batch, chunks.count(), groups, chunks.size(), heads / groups, headDim)
        .transpose(2, 3)
        .flatten(3, 4);
  }

  /** [batch, chunks, size, heads, headDim] to [batch * chunks * heads, size, headDim]. */
  Tensor byHead(Tensor values) {
    return values.transpose(2, 3).reshape(-1, chunks.size(), headDim);
  }

  /** The reverse of {@link #byHead}, a view. */
  Tensor fromHeads(Tensor values) {
    return values.view(batch, chunks.count(), heads, chunks.size(), headDim).transpose(2, 3);
  }

  /** [batch * chunks * groups, channels, state] to [batch, chunks, heads, headDim * state]. */
  Tensor states(Tensor products) {
    return products.view(batch, chunks.count(), heads, headDim * state);
  }

  /** The reverse of {@link #states}. */
  Tensor fromStates(Tensor states) {
    return states.reshape(-1, heads / groups * headDim, state);
  }

  /** A state [batch, heads, headDim, state] to [batch, 1, heads, headDim * state]. */
  Tensor boundary(Tensor single, ScalarType type) {
    return Tensors.cast(single, type).flatten(2, 3).unsqueeze(1);
  }

  /** The reverse of {@link #boundary}. */
  Tensor fromBoundary(Tensor states) {
    return states.squeeze(1).unflatten(-1, headDim, state);
  }

  /** [batch, chunks, heads, size, size] in any view to [..., size, size] for products. */
  Tensor square(Tensor squares) {
    return squares.view(-1, chunks.size(), chunks.size());
  }

  /** [..., size, size] to [batch, chunks, groups, heads / groups, size, size]. */
  Tensor squareByHead(Tensor squares) {
    return squares.view(
        batch, chunks.count(), groups, heads / groups, chunks.size(), chunks.size());
  }

  /** [batch * chunks * groups, size, size] to [batch, chunks, groups, 1, size, size]. */
  Tensor squareByGroup(Tensor squares) {
    return squares.view(batch, chunks.count(), groups, 1, chunks.size(), chunks.size());
  }
}
