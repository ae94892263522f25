package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The gradients of some chunks, laid out as in {@link DeltaSequence}.
 *
 * @param dy of the outputs: given, as all others are to be filled
 * @param dQ of the queries
 * @param dK of the keys
 * @param dV of the values
 * @param dBeta of beta, times beta [size, 1]
 */
record DeltaGradients(Tensor dy, Tensor dQ, Tensor dK, Tensor dV, Tensor dBeta) {
  /**
   * Fills the gradients.
   *
   * @param terms the chunks
   * @param states before each chunk and after the last [chunks + 1, batch * heads, ...]
   * @param dStates their gradients; only the last is given, the others are filled
   */
  void fill(DeltaTerms terms, Tensor states, Tensor dStates) {
    DeltaSequence in = terms.in();
    long count = states.size(0) - 1;
    passBack(terms, dStates, count);
    Tensor before = ChunkedDeltaRule.matrices(states, 0, count, in);
    Tensor dAfter = ChunkedDeltaRule.matrices(dStates, 1, count, in);

    // From the gradient of what is written that of the right-hand side that it solves.
    Tensor written = terms.written(before);
    Tensor dWritten = terms.keysAtEnd().bmm(dAfter).baddbmm(terms.mixing().transpose(1, 2), dy);
    Tensor dSide = terms.inverse().transpose(1, 2).bmm(dWritten);
    dBeta.copy_(dot(dSide, written, in.accumulationType()));
    dV.copy_(DeltaTerms.scaled(dSide, in.beta()));

    Tensor beforeT = before.transpose(1, 2);
    Tensor writtenT = written.transpose(1, 2);
    Tensor dScores = dy.bmm(writtenT).mul_(terms.pairs());
    Tensor dCoupling = dV.bmm(writtenT).mul_(terms.pairs());
    dCoupling.diagonal(0, 1, 2).zero_();
    Tensor read = DeltaTerms.scaled(dy, in.fromStart()).bmm(beforeT);
    torch.baddbmm_out(dQ, read, dScores, in.k());
    Tensor dKeys =
        DeltaTerms.scaled(written, in.toEnd())
            .bmm(dAfter.transpose(1, 2))
            .baddbmm(dScores.transpose(1, 2), in.q())
            .sub_(DeltaTerms.scaled(dV, in.fromStart()).bmm(beforeT))
            .sub_(dCoupling.add(dCoupling.transpose(1, 2)).bmm(in.k()));
    dK.copy_(dKeys);
  }

  /** The gradients of the states, from the last to the first. */
  private void passBack(DeltaTerms terms, Tensor dStates, long count) {
    Tensor removed = terms.removed(terms.solved());
    Tensor back = terms.transitions(terms.keysAtEnd().transpose(1, 2).bmm(removed)).transpose(2, 3);
    Tensor reading = terms.reading(terms.mixing().bmm(removed));
    Tensor read =
        Tensors.cast(
            terms.in().perChunk(reading.transpose(1, 2).bmm(dy)), terms.in().accumulationType());
    for (long z = count - 1; z >= 0; z--) {
      torch.baddbmm_out(
          dStates.select(0, z), read.select(0, z), back.select(0, z), dStates.select(0, z + 1));
    }
  }

  /** Row by row [..., 1], summed in a type. */
  static Tensor dot(Tensor a, Tensor b, ScalarType type) {
    return a.mul(b).sum(new long[] {-1}, true, new ScalarTypeOptional(type));
  }
}
