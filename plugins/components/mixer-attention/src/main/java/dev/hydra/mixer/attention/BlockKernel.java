package dev.hydra.mixer.attention;

import org.bytedeco.pytorch.Tensor;

/**
 * Softmax attention of one block of queries to the keys of a mask.
 *
 * <p>Queries, results and their gradients are [batch, heads, rows, headDim], keys and values
 * [batch, heads, keys, headDim], normalisers [batch, heads, rows], all in float32 or float64; masks
 * are bool [1 or batch, 1, rows, keys].
 */
interface BlockKernel {
  /** The result, zero in rows that see nothing, and its normaliser, minus infinity there. */
  Tensor[] forward(Tensor q, Tensor k, Tensor v, Tensor visible);

  /** The gradients of queries, keys and values, see {@link Upstream} for the last three. */
  Tensor[] backward(
      Tensor q, Tensor k, Tensor v, Tensor visible, Tensor out, Tensor lse, Tensor gradient);
}
