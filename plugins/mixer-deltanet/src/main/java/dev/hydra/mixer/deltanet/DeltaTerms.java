package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.Decays;
import dev.hydra.libtorch.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What both forward and backward of the chunked rule begin with (arXiv 2412.06464, section 3.3).
 * Within a chunk, what token i writes is {@code k[i] u[i]^T}, where u depends on what the tokens
 * before wrote: {@code (I + L) U = beta * (V - fromStart * K S)} for the state S before the chunk,
 * and {@code L = beta * pairs * K K^T} below the diagonal. The inverse of I + L solves it for every
 * S: {@code U = added - removed S}.
 *
 * <p>All is [chunks * batch * heads, ...]. Products are in the type of the values; what decays and
 * what is inverted is float32 at least.
 *
 * @param layout the shapes
 * @param q queries [size, keyDim]
 * @param k keys [size, keyDim]
 * @param v values [size, valueDim]
 * @param beta how strongly tokens write [size, 1], precise
 * @param pairs what survives from after j to after i [size, size], zero for j > i
 * @param fromStart what survives from before the chunk to after each token [size, 1], precise
 * @param toEnd what survives from after each token to the end of the chunk [size, 1], precise
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
    Tensor pairs,
    Tensor fromStart,
    Tensor toEnd,
    Tensor inverse,
    Tensor solved,
    Tensor mixing) {
  static DeltaTerms of(GatedDeltaRule.Input in, int chunk) {
    DeltaLayout layout = DeltaLayout.of(in, chunk);
    ScalarType type = Tensors.type(in.v());
    Tensor q = layout.byHead(in.q());
    Tensor k = layout.byHead(in.k());
    Tensor v = layout.byHead(in.v());
    Tensor beta = layout.byHead(in.strength().unsqueeze(-1)).sigmoid();
    Decays decays = layout.decays(in);
    Tensor precisePairs = layout.byChunk(decays.pairs(in.precise()));
    Tensor pairs = Tensors.cast(precisePairs, type);
    Tensor fromStart = layout.byChunk(decays.fromStart()).unsqueeze(-1);
    Tensor toEnd = layout.byChunk(decays.toEnd()).unsqueeze(-1);
    Tensor keysT = k.transpose(1, 2);
    Tensor coupling = Tensors.cast(k.bmm(keysT), in.precise()).mul_(precisePairs).mul_(beta);
    Tensor inverse = Tensors.cast(inverse(coupling), type);
    Tensor side = Tensors.cat(-1, scaled(k, beta.mul(fromStart)), scaled(v, beta));
    return new DeltaTerms(
        layout,
        q,
        k,
        v,
        beta,
        pairs,
        fromStart,
        toEnd,
        inverse,
        inverse.bmm(side),
        q.bmm(keysT).mul_(pairs));
  }

  /** The inverse of I and what is below the diagonal of L; what else there is is not read. */
  private static Tensor inverse(Tensor coupling) {
    Tensor one = torch.eye(coupling.size(1), Tensors.like(coupling, Tensors.type(coupling)));
    return torch.linalg_solve_triangular(coupling, one, false, true, true);
  }

  /** Rows times factors [size, 1], in the type of the rows. */
  static Tensor scaled(Tensor rows, Tensor factors) {
    return rows.mul(Tensors.cast(factors, Tensors.type(rows)));
  }

  /** The type of products. */
  ScalarType type() {
    return Tensors.type(v);
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
    return scaled(k, toEnd);
  }

  /** The queries that read the states before the chunks [size, keyDim]. */
  Tensor reading(Tensor removedMixed) {
    return scaled(q, fromStart).sub_(removedMixed);
  }

  /** The matrix that takes the state before a chunk to that after it [keyDim, keyDim], precise. */
  Tensor transition(Tensor removedAtEnd) {
    Tensor transition = Tensors.cast(removedAtEnd, Tensors.type(fromStart)).neg();
    Tensor left = fromStart.narrow(1, fromStart.size(1) - 1, 1).squeeze(-1);
    transition.diagonal(0, 1, 2).add_(left);
    return transition;
  }
}
