package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.nn.Decays;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What the rule runs on, laid out for products: [chunks * batch * heads, ...], chunks outermost.
 *
 * @param rows batch * heads
 * @param q queries [size, keyDim]
 * @param k keys [size, keyDim]
 * @param v values [size, valueDim]
 * @param beta how strongly tokens write [size, 1], float32 or float64
 * @param decays between the tokens of each chunk, [batch, chunks, heads, size]
 * @param fromStart what survives from before the chunk to after each token [size, 1], precise
 * @param toEnd what survives from after each token to the end of the chunk [size, 1], precise
 */
record DeltaSequence(
    long rows,
    Tensor q,
    Tensor k,
    Tensor v,
    Tensor beta,
    Decays decays,
    Tensor fromStart,
    Tensor toEnd) {
  static DeltaSequence of(GatedDeltaRule.Input in, DeltaLayout layout) {
    Decays decays = layout.decays(in);
    return new DeltaSequence(
        layout.batch() * layout.heads(),
        layout.byHead(in.q()),
        layout.byHead(in.k()),
        layout.byHead(in.v()),
        in.beta(layout.byHead(in.strength().unsqueeze(-1))),
        decays,
        DeltaLayout.byChunk(decays.fromStart()).unsqueeze(-1),
        DeltaLayout.byChunk(decays.toEnd()).unsqueeze(-1));
  }

  /** Some of the chunks, as views. */
  DeltaSequence part(long from, long to) {
    Optional<Tensor> documents = decays.documents().map(d -> Tensors.slice(d, 1, from, to));
    return new DeltaSequence(
        rows,
        part(q, from, to),
        part(k, from, to),
        part(v, from, to),
        part(beta, from, to),
        new Decays(Tensors.slice(decays.sums(), 1, from, to), documents),
        part(fromStart, from, to),
        part(toEnd, from, to));
  }

  /** Some of the chunks of a tensor that is laid out like this. */
  Tensor part(Tensor whole, long from, long to) {
    return Tensors.slice(whole, 0, from * rows, to * rows);
  }

  /** The type of products. */
  ScalarType type() {
    return Tensors.type(v);
  }

  /** The type of what decays and of what is inverted, at least float32. */
  ScalarType accumulationType() {
    return Tensors.type(beta);
  }

  /** Of [chunks * batch * heads, ...], [chunks, batch * heads, ...]. */
  Tensor perChunk(Tensor matrices) {
    return matrices.unflatten(0, -1, rows);
  }
}
