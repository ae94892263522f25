package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.CustomFunction;
import dev.hydra.libtorch.Decays;
import dev.hydra.libtorch.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The gated delta rule in chunks (arXiv 2412.06464, section 3.3) with a backward of its own, which
 * keeps only inputs and the states between chunks, and computes the rest again. Everything but the
 * states is computed for all chunks at once; the states follow each other by one product a chunk,
 * {@code S' = A S + B}, and so do their gradients, {@code dS = A^T dS' + C}.
 *
 * <p>The gradients of the decays need none of the decays' many uses. What the log decay at t scales
 * is everything that goes from before t to t or later. In a chunk that is what is read from t on
 * and the last state, less what the values from t on put there:
 *
 * <pre>{@code
 * dlog[t] = sum over i >= t of (<q[i], dq[i]> - <v[i], dv[i]>) + <S', dS'>
 * }</pre>
 *
 * (the argument of arXiv 2312.06635, section 4.3, which holds for the delta rule as well, since its
 * errors are linear in the values and the state).
 */
final class ChunkedDeltaRule extends CustomFunction {
  private static final int Q = 0;
  private static final int K = 1;
  private static final int V = 2;
  private static final int LOG = 3;
  private static final int STRENGTH = 4;

  private final int chunk;
  private final boolean packed;
  private final boolean continued;

  private ChunkedDeltaRule(int chunk, boolean packed, boolean continued) {
    this.chunk = chunk;
    this.packed = packed;
    this.continued = continued;
  }

  /** Computes {@link GatedDeltaRule#chunked}. */
  static GatedDeltaRule.Output compute(GatedDeltaRule.Input in, int chunk) {
    List<Tensor> inputs = new ArrayList<>(List.of(in.q(), in.k(), in.v(), in.log(), in.strength()));
    in.documents().ifPresent(inputs::add);
    in.initial().ifPresent(inputs::add);
    Tensor[] outputs =
        new ChunkedDeltaRule(chunk, in.documents().isPresent(), in.initial().isPresent())
            .apply(inputs.toArray(Tensor[]::new));
    return new GatedDeltaRule.Output(outputs[0], outputs[1]);
  }

  private GatedDeltaRule.Input input(Tensor... tensors) {
    return new GatedDeltaRule.Input(
        tensors[Q],
        tensors[K],
        tensors[V],
        tensors[LOG],
        tensors[STRENGTH],
        packed ? Optional.of(tensors[STRENGTH + 1]) : Optional.empty(),
        continued ? Optional.of(tensors[initialIndex()]) : Optional.empty());
  }

  private int initialIndex() {
    return packed ? STRENGTH + 2 : STRENGTH + 1;
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    GatedDeltaRule.Input in = input(inputs);
    DeltaTerms terms = DeltaTerms.of(in, chunk);
    DeltaLayout layout = terms.layout();
    Tensor atEnd = terms.keysAtEnd().transpose(1, 2).bmm(terms.solved());
    Tensor states = states(terms, atEnd, in.initial());
    long count = layout.chunks().count();
    Tensor before = Tensors.cast(states.narrow(0, 0, count).flatten(0, 1), terms.type());
    Tensor mixed = terms.mixing().bmm(terms.solved());
    Tensor reading = terms.reading(terms.removed(mixed));
    Tensor y = terms.added(mixed).baddbmm(reading, before);
    context.save(inputs);
    context.save(states);
    return new Tensor[] {
      layout.fromHeads(y).contiguous(), layout.fromBoundary(states.select(0, count)).clone()
    };
  }

  /** The states before every chunk and after the last [chunks + 1, batch * heads, ...]. */
  private static Tensor states(DeltaTerms terms, Tensor atEnd, Optional<Tensor> initial) {
    DeltaLayout layout = terms.layout();
    Tensor transitions = layout.perChunk(terms.transition(terms.removed(atEnd)));
    Tensor added = Tensors.cast(layout.perChunk(terms.added(atEnd)), Tensors.type(transitions));
    long count = layout.chunks().count();
    Tensor states =
        Tensors.zeros(added, count + 1, added.size(1), terms.keyDim(), terms.valueDim());
    initial.ifPresent(state -> states.select(0, 0).copy_(DeltaLayout.boundary(state)));
    for (long z = 0; z < count; z++) {
      torch.baddbmm_out(
          states.select(0, z + 1),
          added.select(0, z),
          transitions.select(0, z),
          states.select(0, z));
    }
    return states;
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    int inputs = initialIndex() + (continued ? 1 : 0);
    Tensor[] saved = new Tensor[inputs];
    Arrays.setAll(saved, context::saved);
    GatedDeltaRule.Input in = input(saved);
    DeltaTerms terms = DeltaTerms.of(in, chunk);
    DeltaLayout layout = terms.layout();
    long count = layout.chunks().count();
    Tensor states = context.saved(inputs);
    Tensor before = Tensors.cast(states.narrow(0, 0, count).flatten(0, 1), terms.type());
    Tensor dy = layout.byHead(gradients.of(0));
    Tensor dStates = stateGradients(terms, dy, gradients.of(1));
    Tensor dAfter = Tensors.cast(dStates.narrow(0, 1, count).flatten(0, 1), terms.type());

    // From the gradient of what is written that of the right-hand side that it solves.
    Tensor written = terms.written(before);
    Tensor dWritten = terms.keysAtEnd().bmm(dAfter).baddbmm(terms.mixing().transpose(1, 2), dy);
    Tensor dSide = terms.inverse().transpose(1, 2).bmm(dWritten);

    Tensor dV = DeltaTerms.scaled(dSide, terms.beta());
    Tensor beforeT = before.transpose(1, 2);
    Tensor writtenT = written.transpose(1, 2);
    Tensor dScores = dy.bmm(writtenT).mul_(terms.pairs());
    Tensor dCoupling = dV.bmm(writtenT).mul_(terms.pairs());
    dCoupling.diagonal(0, 1, 2).zero_();
    Tensor dQ = DeltaTerms.scaled(dy, terms.fromStart()).bmm(beforeT).baddbmm(dScores, terms.k());
    Tensor dK =
        DeltaTerms.scaled(written, terms.toEnd())
            .bmm(dAfter.transpose(1, 2))
            .baddbmm(dScores.transpose(1, 2), terms.q())
            .sub_(DeltaTerms.scaled(dV, terms.fromStart()).bmm(beforeT))
            .sub_(dCoupling.add(dCoupling.transpose(1, 2)).bmm(terms.k()));
    gradients.give(Q, layout.fromHeads(dQ));
    gradients.give(K, layout.fromHeads(dK));
    gradients.give(V, layout.fromHeads(dV));

    // The gradient of beta times beta, so that the slope of the sigmoid leaves 1 - beta.
    Tensor dStrength = layout.fromHeads(dot(dSide, written, in)).squeeze(-1);
    gradients.give(STRENGTH, dStrength.mul(in.strength().neg().sigmoid()));
    Tensor flow = dot(terms.q(), dQ, in).sub_(dot(terms.v(), dV, in));
    Tensor leaving = states.mul(dStates).sum(2, 3).narrow(0, 1, count).view(-1, 1, 1);
    Tensor dLog = layout.fromHeads(flow.flip(1).cumsum(1).flip(1).add_(leaving)).squeeze(-1);
    gradients.give(LOG, dLog.mul(Decays.inRange(in.log())));
    if (continued) {
      gradients.give(initialIndex(), layout.fromBoundary(dStates.select(0, 0)));
    }
  }

  /** Row by row [chunks * batch * heads, size, 1]. */
  private static Tensor dot(Tensor a, Tensor b, GatedDeltaRule.Input in) {
    return a.mul(b).sum(new long[] {-1}, true, new ScalarTypeOptional(in.precise()));
  }

  /** The gradients of {@link #states}, in the same places. */
  private static Tensor stateGradients(DeltaTerms terms, Tensor dy, Tensor dLast) {
    DeltaLayout layout = terms.layout();
    Tensor removed = terms.removed(terms.solved());
    Tensor back =
        layout
            .perChunk(terms.transition(terms.keysAtEnd().transpose(1, 2).bmm(removed)))
            .transpose(2, 3);
    Tensor reading = terms.reading(terms.mixing().bmm(removed));
    Tensor read = layout.perChunk(reading.transpose(1, 2).bmm(dy));
    read = Tensors.cast(read, Tensors.type(back));
    long count = layout.chunks().count();
    Tensor gradients =
        Tensors.zeros(read, count + 1, read.size(1), terms.keyDim(), terms.valueDim());
    gradients.select(0, count).copy_(DeltaLayout.boundary(dLast));
    for (long z = count - 1; z >= 0; z--) {
      torch.baddbmm_out(
          gradients.select(0, z), read.select(0, z), back.select(0, z), gradients.select(0, z + 1));
    }
    return gradients;
  }
}
