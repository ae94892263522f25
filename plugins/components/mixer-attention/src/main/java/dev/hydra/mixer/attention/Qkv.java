package dev.hydra.mixer.attention;

import dev.hydra.libtorch.nn.Rotation;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Queries, keys and values, or the gradients of these.
 *
 * @param q [batch, time, heads, headDim]
 * @param k [batch, keys, kvHeads, headDim]: the last {@code time} keys are those of the queries'
 *     own tokens
 * @param v shaped like the keys
 */
record Qkv(Tensor q, Tensor k, Tensor v) {
  long time() {
    return q.size(1);
  }

  long keys() {
    return k.size(1);
  }

  /** How many query heads share a key head. */
  int shared() {
    return (int) (q.size(2) / k.size(2));
  }

  /** The same, copied where kernels cannot read the rows as they lie. */
  Qkv readable() {
    return new Qkv(StridedKernels.fit(q), StridedKernels.fit(k), StridedKernels.fit(v));
  }

  /** Tensors of these shapes and types, contiguous, that kernels will fill. */
  Qkv room() {
    return new Qkv(room(q), room(k), room(v));
  }

  private static Tensor room(Tensor like) {
    return Tensors.empty(like, Tensors.type(like), Tensors.sizes(like));
  }

  /** Float32 [batch, heads, time] for a number of each query, which kernels will fill. */
  Tensor perQuery(long time) {
    return Tensors.empty(q, ScalarType.Float, q.size(0), q.size(2), time);
  }

  /** The same with queries and keys turned. */
  Qkv turned(Rotation rotation) {
    return new Qkv(rotation.apply(q, Tensors.type(q)), rotation.apply(k, Tensors.type(k)), v);
  }

  /** Zeros to add gradients of these to, in at least float32. */
  Qkv zeros() {
    return new Qkv(zeros(q), zeros(k), zeros(v));
  }

  private static Tensor zeros(Tensor like) {
    return Tensors.upcast(Tensors.zeros(like, Tensors.sizes(like)));
  }

  /** The same queries, without the first keys and values. */
  Qkv fromKey(long first) {
    return first == 0 ? this : part(0, time(), first, keys());
  }

  /** Some of the queries, and some of the keys and values. */
  Qkv part(long from, long to, long firstKey, long endKey) {
    return new Qkv(
        Tensors.slice(q, 1, from, to),
        Tensors.slice(k, 1, firstKey, endKey),
        Tensors.slice(v, 1, firstKey, endKey));
  }
}
