package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.Decays;
import dev.hydra.libtorch.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * What both forward and backward of the chunked rule begin with (arXiv 2412.06464, section 3.3).
 * Within a chunk, what token i writes is {@code k[i] u[i]^T}, where u depends on what the tokens
 * before wrote: {@code (I + L) U = beta * (V - fromStart * K S)} for the state S before the chunk,
 * and {@code L = beta * pairs * K K^T} below the diagonal. The inverse of I + L solves it for every
 * S: {@code U = added - removed S}. All is [chunks * batch * heads, ...].
 *
 * @param layout the shapes
 * @param q queries [size, keyDim]
 * @param k keys [size, keyDim]
 * @param v values [size, valueDim]
 * @param beta [size, 1]
 * @param decays log decays in chunks
 * @param pairs what survives from after j to after i [size, size], zero for j > i
 * @param fromStart what survives from before the chunk to after each token [size, 1]
 * @param toEnd what survives from after each token to the end of the chunk [size, 1]
 * @param inverse of I + L [size, size]
 * @param solved removed [size, keyDim] and added [size, valueDim] side by side
 * @param mixing how outputs take up what is written: {@code pairs * Q K^T} [size, size]
 */
record DeltaTerms(
    DeltaLayout layout,
    Tensor q,
    Tensor k,
    Tensor v,
    Tensor beta,
    Decays decays,
    Tensor pairs,
    Tensor fromStart,
    Tensor toEnd,
    Tensor inverse,
    Tensor solved,
    Tensor mixing) {
  static DeltaTerms of(GatedDeltaRule.Input in, int chunk) {
    DeltaLayout layout = DeltaLayout.of(in, chunk);
    Tensor q = layout.byHead(Tensors.cast(in.q(), in.precise()));
    Tensor k = layout.byHead(Tensors.cast(in.k(), in.precise()));
    Tensor v = layout.byHead(Tensors.cast(in.v(), in.precise()));
    Tensor beta = layout.column(in.strength()).sigmoid();
    Decays decays = layout.decays(in);
    Tensor pairs = layout.byChunk(decays.pairs(in.precise()));
    Tensor fromStart = layout.byChunk(decays.fromStart()).unsqueeze(-1);
    Tensor toEnd = layout.byChunk(decays.toEnd()).unsqueeze(-1);
    Tensor coupling = k.bmm(k.transpose(1, 2)).mul_(pairs).mul_(beta);
    Tensor one = torch.eye(k.size(1), Tensors.like(k, in.precise()));
    // Reads what is below the diagonal only, and takes the diagonal for ones.
    Tensor inverse = torch.linalg_solve_triangular(coupling, one, false, true, true);
    Tensor solved = inverse.bmm(Tensors.cat(-1, k.mul(beta.mul(fromStart)), v.mul(beta)));
    Tensor mixing = q.bmm(k.transpose(1, 2)).mul_(pairs);
    return new DeltaTerms(
        layout, q, k, v, beta, decays, pairs, fromStart, toEnd, inverse, solved, mixing);
  }

  long keyDim() {
    return k.size(2);
  }

  long valueDim() {
    return v.size(2);
  }

  /** U [size, valueDim] for the states before the chunks [keyDim, valueDim]. */
  Tensor written(Tensor before) {
    return added(solved).sub(removed(solved).bmm(before));
  }

  /** Of tensors that have keyDim and valueDim side by side, what has keyDim. */
  Tensor removed(Tensor both) {
    return both.narrow(2, 0, keyDim());
  }

  /** Of tensors that have keyDim and valueDim side by side, what has valueDim. */
  Tensor added(Tensor both) {
    return both.narrow(2, keyDim(), valueDim());
  }

  /** Keys as what they write is left at the end of the chunk [size, keyDim]. */
  Tensor keysAtEnd() {
    return k.mul(toEnd);
  }

  /** The queries that read the states before the chunks [size, keyDim]. */
  Tensor reading(Tensor removedMixed) {
    return q.mul(fromStart).sub_(removedMixed);
  }

  /** The matrix that takes the state before a chunk to that after it [keyDim, keyDim]. */
  Tensor transition(Tensor removedAtEnd) {
    Tensor transition = removedAtEnd.neg();
    Tensor left = fromStart.narrow(1, fromStart.size(1) - 1, 1).squeeze(-1);
    transition.diagonal(0, 1, 2).add_(left);
    return transition;
  }
}
