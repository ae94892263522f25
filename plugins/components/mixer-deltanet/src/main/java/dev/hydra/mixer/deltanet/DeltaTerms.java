package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * What both forward and backward of the chunked rule begin with (arXiv 2412.06464, section 3.3).
 * Within a chunk, what token i writes is {@code k[i] u[i]^T}, where u depends on what the tokens
 * before wrote: {@code (I + L) U = beta * (V - fromStart * K S)} for the state S before the chunk,
 * and {@code L = beta * pairs * K K^T} below the diagonal. The inverse of I + L solves it for every
 * S: {@code U = added - removed S}. All is [chunks * batch * heads, ...].
 *
 * @param in the chunks
 * @param pairs what survives from after j to after i [size, size], zero for j > i
 * @param inverse of I + L [size, size]
 * @param solved removed [size, keyDim] and added [size, valueDim] side by side
 * @param mixing how outputs take up what is written: {@code pairs * Q K^T} [size, size]
 */
record DeltaTerms(DeltaSequence in, Tensor pairs, Tensor inverse, Tensor solved, Tensor mixing) {
  static DeltaTerms of(DeltaSequence in) {
    Tensor precise = DeltaLayout.byChunk(in.decays().pairs(in.accumulationType()));
    Tensor pairs = Tensors.cast(precise, in.type());
    Tensor inverse = Scopes.keep(() -> Tensors.cast(inverse(in, precise), in.type()));
    Tensor removed = scaled(in.k(), in.beta().mul(in.fromStart()));
    Tensor solved = inverse.bmm(Tensors.cat(-1, removed, scaled(in.v(), in.beta())));
    Tensor mixing = in.q().bmm(in.k().transpose(1, 2)).mul_(pairs);
    return new DeltaTerms(in, pairs, inverse, solved, mixing);
  }

  private static Tensor inverse(DeltaSequence in, Tensor pairs) {
    Tensor products = in.k().bmm(in.k().transpose(1, 2));
    Tensor coupling = Tensors.cast(products, in.accumulationType()).mul_(pairs).mul_(in.beta());
    Tensor one = torch.eye(coupling.size(1), Tensors.like(coupling, in.accumulationType()));
    // Reads what is below the diagonal only, and takes the diagonal for ones.
    return torch.linalg_solve_triangular(coupling, one, false, true, true);
  }

  /** Rows times factors [size, 1], in the type of the rows. */
  static Tensor scaled(Tensor rows, Tensor factors) {
    return rows.mul(Tensors.cast(factors, Tensors.type(rows)));
  }

  /** Of tensors that have keyDim and valueDim side by side, what has keyDim. */
  Tensor removed(Tensor both) {
    return both.narrow(2, 0, in.k().size(2));
  }

  /** Of tensors that have keyDim and valueDim side by side, what has valueDim. */
  Tensor added(Tensor both) {
    return both.narrow(2, in.k().size(2), in.v().size(2));
  }

  /** U [size, valueDim] for the states before the chunks [keyDim, valueDim]. */
  Tensor written(Tensor before) {
    return added(solved).sub(removed(solved).bmm(before));
  }

  /** Keys as what they write is left at the end of the chunk [size, keyDim]. */
  Tensor keysAtEnd() {
    return scaled(in.k(), in.toEnd());
  }

  /**
   * The queries that read the states before the chunks.
   *
   * @param removedMixed {@code mixing * removed} [size, keyDim]
   */
  Tensor reading(Tensor removedMixed) {
    return scaled(in.q(), in.fromStart()).sub_(removedMixed);
  }

  /**
   * The matrices that take the states before chunks to those after them [chunks, batch * heads,
   * keyDim, keyDim], precise.
   *
   * @param removedAtEnd {@code keysAtEnd^T * removed} [keyDim, keyDim]
   */
  Tensor transitions(Tensor removedAtEnd) {
    Tensor transitions = Tensors.cast(removedAtEnd, in.accumulationType()).neg();
    Tensor left = in.fromStart().narrow(1, in.fromStart().size(1) - 1, 1).squeeze(-1);
    transitions.diagonal(0, 1, 2).add_(left);
    return in.perChunk(transitions);
  }
}
