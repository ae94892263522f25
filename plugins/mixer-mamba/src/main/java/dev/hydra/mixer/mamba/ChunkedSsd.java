package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.CustomFunction;
import dev.hydra.libtorch.Decays;
import dev.hydra.libtorch.Folding;
import dev.hydra.libtorch.Tensors;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The SSD in chunks (arXiv 2405.21060, section 6) with a backward of its own, which keeps only
 * inputs, output and the states between chunks, and computes the rest again.
 *
 * <p>The gradients of the decays need none of the decays' many uses. What the log decay at t scales
 * is everything that goes from before t to t or later. In a chunk that is what its outputs from t
 * on and its last state are made of, less what the inputs from t on put there:
 *
 * <pre>{@code
 * dlog[t] = sum over i >= t of (<y[i], dy[i]> - <u[i], du[i]>) + <h, dh>,    u = x * dt
 * }</pre>
 *
 * (the argument of arXiv 2312.06635, section 4.3, per chunk, so that rounding does not add up).
 */
final class ChunkedSsd extends CustomFunction {
  private final int chunk;
  private final ScanInput.Layout arguments;

  private ChunkedSsd(int chunk, ScanInput.Layout arguments) {
    this.chunk = chunk;
    this.arguments = arguments;
  }

  /** Computes {@link Ssd#chunked}. */
  static Ssd.Output compute(ScanInput in, int chunk) {
    Tensor[] outputs = new ChunkedSsd(chunk, in.layout()).apply(in.tensors());
    return new Ssd.Output(outputs[0], outputs[1]);
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    ScanInput in = arguments.input(inputs);
    SsdTerms terms = SsdTerms.of(in, chunk);
    SsdLayout layout = terms.layout();
    Decays decays = terms.decays();

    Tensor added = layout.states(terms.inputAtEnd().transpose(1, 2).bmm(terms.b()));
    Optional<Tensor> initial = in.initial().map(i -> layout.boundary(i, terms.type()));
    Tensor after = ChunkRecurrence.after(decays.totals(), added, initial, decays.lastDocuments());
    Tensor before = ChunkRecurrence.before(initial, after);

    Tensor across = terms.c().bmm(layout.fromStates(before).transpose(1, 2));
    Tensor mixing = layout.square(terms.pairs().mul_(terms.scores()));
    Tensor within = mixing.bmm(layout.byHead(terms.input()));
    Tensor y =
        layout
            .chunks()
            .unfold(layout.fromSides(across).mul(terms.fromStart()).add_(layout.fromHeads(within)));
    // A copy: a view would keep the states of all chunks alive.
    Tensor last = layout.fromBoundary(after.narrow(1, after.size(1) - 1, 1)).clone();
    Tensor state = Tensors.cast(last, Tensors.type(in.dt()));
    context.save(inputs);
    context.save(before, y, state);
    return new Tensor[] {y, state};
  }

  @Override
  protected void backward(Context context, Gradients gradients) {
    int count = arguments.count();
    Tensor[] inputs = new Tensor[count];
    Arrays.setAll(inputs, context::saved);
    ScanInput in = arguments.input(inputs);
    Tensor before = context.saved(count);
    Tensor y = context.saved(count + 1);
    Tensor state = context.saved(count + 2);
    Tensor dy = gradients.of(0);
    SsdTerms terms = SsdTerms.of(in, chunk);
    SsdLayout layout = terms.layout();
    Folding chunks = layout.chunks();
    ScalarType type = terms.type();
    ScalarType precise = Tensors.type(in.dt());

    // Between chunks.
    Tensor dyFolded = chunks.fold(dy);
    Tensor dyAtStart = layout.sideBySide(dyFolded.mul(terms.fromStart()));
    Tensor dBefore = layout.states(dyAtStart.transpose(1, 2).bmm(terms.c()));
    Tensor dState = layout.boundary(gradients.of(1), type);
    Tensor dAfter = terms.gradientAfter(next(dBefore, dState));
    Tensor dAdded = layout.fromStates(dAfter);

    // Within chunks.
    Tensor dyByHead = layout.byHead(dyFolded);
    Tensor pairs = terms.pairs();
    Tensor mixing = layout.square(pairs.mul(terms.scores()));
    Tensor dMixing = dyByHead.bmm(layout.byHead(terms.input()).transpose(1, 2));
    // Summed in float32: bfloat16 would be slower and blur.
    Tensor dScoresByHead = layout.squareByHead(dMixing).mul(pairs);
    Tensor dScores = Tensors.cast(layout.square(sum(dScoresByHead, 3, precise)), type);

    Tensor dC = dyAtStart.bmm(layout.fromStates(before)).baddbmm(dScores, terms.b());
    Tensor dB = terms.inputAtEnd().bmm(dAdded).baddbmm(dScores.transpose(1, 2), terms.c());
    Tensor dInput =
        chunks.unfold(
            layout
                .fromSides(terms.b().bmm(dAdded.transpose(1, 2)))
                .mul(terms.toEnd())
                .add_(layout.fromHeads(mixing.transpose(1, 2).bmm(dyByHead))));
    gradients.give(ScanInput.X, dInput.mul(Tensors.cast(in.dt(), type).unsqueeze(-1)));
    gradients.give(ScanInput.B, layout.fromGroups(dB));
    gradients.give(ScanInput.C, layout.fromGroups(dC));

    Tensor dStep = dot(dInput, in.x(), precise);
    Tensor flow = chunks.fold(dot(y, dy, precise).sub(dStep.mul(in.dt())));
    Tensor leaving = dot(next(before, layout.boundary(state, type)), dAfter, precise);
    Tensor fromHere = flow.flip(2).cumsum(2).flip(2);
    Tensor dLog = chunks.unfold(fromHere.add(leaving.unsqueeze(2))).mul(terms.inRange());
    gradients.give(ScanInput.DT, dStep.add(dLog.mul(in.a())));
    gradients.give(ScanInput.A, dLog.mul(in.dt()).sum(0, 1));
    if (arguments.continued()) {
      Tensor decay = terms.decays().totals().narrow(1, 0, 1).exp().unsqueeze(-1);
      Tensor dInitial = dAfter.narrow(1, 0, 1).mul(decay).add(dBefore.narrow(1, 0, 1));
      gradients.give(arguments.initialIndex(), layout.fromBoundary(dInitial));
    }
  }

  /** From what belongs to the start of each chunk, and of the end, to the end of each chunk. */
  private static Tensor next(Tensor starts, Tensor end) {
    return Tensors.cat(1, starts.narrow(1, 1, starts.size(1) - 1), end);
  }

  private static Tensor dot(Tensor a, Tensor b, ScalarType precise) {
    return sum(a.mul(b), -1, precise);
  }

  private static Tensor sum(Tensor values, int dim, ScalarType precise) {
    return values.sum(new long[] {dim}, false, new ScalarTypeOptional(precise));
  }
}
