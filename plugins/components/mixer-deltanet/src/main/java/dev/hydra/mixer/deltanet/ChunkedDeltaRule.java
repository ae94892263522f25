package dev.hydra.mixer.deltanet;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.autograd.InPlace;
import dev.hydra.libtorch.nn.Decays;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The gated delta rule in chunks (arXiv 2412.06464, section 3.3) with a backward of its own, which
 * keeps only inputs and the states between chunks, and computes the rest again. Many chunks are
 * computed at once; only their states follow each other, by one product a chunk, {@code S' = A S +
 * B}, and so do the gradients, {@code dS = A^T dS' + C}.
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
  /** Chunks of single heads computed at once: they fill a device, and what they need is bounded. */
  private static final long AT_ONCE = 2048;

  private final int chunk;
  private final DeltaArguments arguments;

  private ChunkedDeltaRule(int chunk, DeltaArguments arguments) {
    this.chunk = chunk;
    this.arguments = arguments;
  }

  /** Computes {@link GatedDeltaRule#chunked}. */
  static GatedDeltaRule.Output compute(GatedDeltaRule.Input in, int chunk) {
    Tensor[] outputs =
        new ChunkedDeltaRule(chunk, DeltaArguments.of(in)).apply(DeltaArguments.tensors(in));
    return new GatedDeltaRule.Output(outputs[0], outputs[1]);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    GatedDeltaRule.Input in = arguments.input(inputs);
    DeltaLayout layout = DeltaLayout.of(in, chunk);
    DeltaSequence sequence = DeltaSequence.of(in, layout);
    long count = layout.chunks().count();
    Tensor states = states(sequence, count);
    in.initial().ifPresent(initial -> states.select(0, 0).copy_(DeltaLayout.boundary(initial)));
    Tensor y = torch.empty_like(sequence.v());
    long step = step(sequence);
    for (long from = 0; from < count; from += step) {
      long start = from;
      long end = Math.min(count, from + step);
      Scopes.run(
          () -> {
            DeltaTerms terms = DeltaTerms.of(sequence.part(start, end));
            Tensor read = sequence.part(y, start, end);
            forward(terms, Tensors.slice(states, 0, start, end + 1), read);
          });
    }
    context.save(inputs);
    context.save(states);
    return new Tensor[] {
      layout.fromHeads(y).contiguous(), layout.fromBoundary(states.select(0, count)).clone()
    };
  }

  /** Some chunks: from the state before the first, the states after each, and the outputs. */
  private static void forward(DeltaTerms terms, Tensor states, Tensor y) {
    Tensor atEnd = terms.keysAtEnd().transpose(1, 2).bmm(terms.solved());
    Tensor transitions = terms.transitions(terms.removed(atEnd));
    Tensor added = Tensors.cast(terms.in().perChunk(terms.added(atEnd)), Tensors.type(transitions));
    long count = transitions.size(0);
    for (long z = 0; z < count; z++) {
      InPlace.baddbmm(
          states.select(0, z + 1),
          added.select(0, z),
          transitions.select(0, z),
          states.select(0, z));
    }
    Tensor mixed = terms.mixing().bmm(terms.solved());
    Tensor reading = terms.reading(terms.removed(mixed));
    InPlace.baddbmm(y, terms.added(mixed), reading, matrices(states, 0, count, terms.in()));
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    int inputs = arguments.count();
    Tensor[] saved = new Tensor[inputs];
    Arrays.setAll(saved, context::saved);
    GatedDeltaRule.Input in = arguments.input(saved);
    DeltaLayout layout = DeltaLayout.of(in, chunk);
    DeltaSequence sequence = DeltaSequence.of(in, layout);
    long count = layout.chunks().count();
    Tensor states = context.saved(inputs);
    Tensor dStates = states(sequence, count);
    dStates.select(0, count).copy_(DeltaLayout.boundary(gradients.of(1)));
    Tensor dy = layout.byHead(gradients.of(0));
    Tensor dQ = torch.empty_like(sequence.q());
    Tensor dK = torch.empty_like(sequence.k());
    Tensor dV = torch.empty_like(sequence.v());
    Tensor dBeta = torch.empty_like(sequence.beta());
    long step = step(sequence);
    for (long to = count; to > 0; to -= step) {
      long end = to;
      long start = Math.max(0, to - step);
      Scopes.run(
          () ->
              new DeltaGradients(
                      sequence.part(dy, start, end),
                      sequence.part(dQ, start, end),
                      sequence.part(dK, start, end),
                      sequence.part(dV, start, end),
                      sequence.part(dBeta, start, end))
                  .fill(
                      DeltaTerms.of(sequence.part(start, end)),
                      Tensors.slice(states, 0, start, end + 1),
                      Tensors.slice(dStates, 0, start, end + 1)));
    }
    gradients.give(DeltaArguments.Q, layout.fromHeads(dQ));
    gradients.give(DeltaArguments.K, layout.fromHeads(dK));
    gradients.give(DeltaArguments.V, layout.fromHeads(dV));
    // The gradient of beta times beta, so that the slope of the sigmoid leaves 1 - beta.
    Tensor dStrength = layout.fromHeads(dBeta).squeeze(-1);
    gradients.give(DeltaArguments.STRENGTH, dStrength.mul(in.strength().neg().sigmoid()));
    Tensor flow =
        DeltaGradients.dot(sequence.q(), dQ, in.accumulationType())
            .sub_(DeltaGradients.dot(sequence.v(), dV, in.accumulationType()));
    Tensor leaving = states.mul(dStates).sum(2, 3).narrow(0, 1, count).reshape(-1, 1, 1);
    Tensor dLog = layout.fromHeads(flow.flip(1).cumsum(1).flip(1).add_(leaving)).squeeze(-1);
    gradients.give(DeltaArguments.LOG, dLog.mul(Decays.inRange(in.log())));
    if (arguments.continued()) {
      gradients.give(arguments.initialIndex(), layout.fromBoundary(dStates.select(0, 0)));
    }
  }

  /** Room for a state before every chunk and after the last [chunks + 1, batch * heads, ...]. */
  private static Tensor states(DeltaSequence in, long chunks) {
    return Tensors.zeros(in.beta(), chunks + 1, in.rows(), in.k().size(2), in.v().size(2));
  }

  /** Of states, those of some chunks as matrices for products. */
  static Tensor matrices(Tensor states, long from, long count, DeltaSequence in) {
    return Tensors.cast(states.narrow(0, from, count).flatten(0, 1), in.type());
  }

  /** The chunks that are computed at once. */
  private static long step(DeltaSequence in) {
    return Math.max(1, AT_ONCE / in.rows());
  }
}
