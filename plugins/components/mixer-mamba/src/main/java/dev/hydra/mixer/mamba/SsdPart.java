package dev.hydra.mixer.mamba;

import dev.hydra.libtorch.nn.Chunks;
import dev.hydra.libtorch.nn.Decays;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A stretch of tokens of {@link ChunkedSsd}, all of whose chunks are computed at once.
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
 *
 * @param in its inputs, with the state before its first token
 * @param chunk the largest chunk
 */
record SsdPart(ScanInput in, int chunk) {
  /** Where the gradient of the state before stands, behind those of what there always is. */
  static final int INITIAL = ScanInput.C + 1;

  /**
   * What it comes to.
   *
   * @param y the outputs
   * @param state the state after the last token
   * @param before the states before the chunks
   */
  record Result(Tensor y, Tensor state, Tensor before) {
    /** How many tensors it is. */
    static final int COUNT = 3;

    static Result of(Tensor... tensors) {
      return new Result(tensors[0], tensors[1], tensors[2]);
    }

    Tensor[] tensors() {
      return new Tensor[] {y, state, before};
    }
  }

  Result forward() {
    SsdTerms terms = SsdTerms.of(in, chunk);
    SsdLayout layout = terms.layout();
    Decays decays = terms.decays();

    Tensor added = layout.states(terms.inputAtEnd().transpose(1, 2).bmm(terms.b()));
    Optional<Tensor> initial = in.initial().map(i -> layout.boundary(i, terms.type()));
    Tensor after =
        ChunkRecurrence.after(
            decays.totals(), added, initial.map(decays::passing), decays.lastDocuments());
    Tensor before = ChunkRecurrence.before(initial, after);

    Tensor across = terms.c().bmm(layout.fromStates(before).transpose(1, 2));
    Tensor mixing = layout.square(terms.pairs().mul_(terms.scores()));
    Tensor within = mixing.bmm(layout.byHead(terms.input()));
    Tensor y =
        layout
            .chunks()
            .join(layout.fromSides(across).mul(terms.fromStart()).add_(layout.fromHeads(within)));
    // A copy: a view would keep the states of all chunks alive.
    Tensor last = layout.fromBoundary(after.narrow(1, after.size(1) - 1, 1)).clone();
    return new Result(y, Tensors.cast(last, Tensors.type(in.dt())), before);
  }

  /**
   * The gradients of x, dt, a, b, c and, if there is one, of the state before.
   *
   * @param result what {@link #forward} gave
   * @param dy the gradient of its outputs
   * @param dStateAfter the gradient of its state
   */
  Tensor[] backward(Result result, Tensor dy, Tensor dStateAfter) {
    Tensor before = result.before();
    SsdTerms terms = SsdTerms.of(in, chunk);
    SsdLayout layout = terms.layout();
    Chunks chunks = layout.chunks();
    ScalarType type = terms.type();
    ScalarType accumulationType = Tensors.type(in.dt());

    // Between chunks.
    Tensor dyChunks = chunks.split(dy);
    Tensor dyAtStart = layout.sideBySide(dyChunks.mul(terms.fromStart()));
    Tensor dBefore = layout.states(dyAtStart.transpose(1, 2).bmm(terms.c()));
    Tensor dState = layout.boundary(dStateAfter, type);
    Tensor dAfter = terms.gradientAfter(next(dBefore, dState));
    Tensor dAdded = layout.fromStates(dAfter);

    // Within chunks.
    Tensor dyByHead = layout.byHead(dyChunks);
    Tensor pairs = terms.pairs();
    Tensor mixing = layout.square(pairs.mul(terms.scores()));
    Tensor dMixing = dyByHead.bmm(layout.byHead(terms.input()).transpose(1, 2));
    // Summed in float32: bfloat16 would be slower and blur.
    Tensor dScoresByHead = layout.squareByHead(dMixing).mul(pairs);
    Tensor dScores = Tensors.cast(layout.square(sum(dScoresByHead, 3, accumulationType)), type);

    Tensor dC = dyAtStart.bmm(layout.fromStates(before)).baddbmm(dScores, terms.b());
    Tensor dB = terms.inputAtEnd().bmm(dAdded).baddbmm(dScores.transpose(1, 2), terms.c());
    Tensor dInput =
        chunks.join(
            layout
                .fromSides(terms.b().bmm(dAdded.transpose(1, 2)))
                .mul(terms.toEnd())
                .add_(layout.fromHeads(mixing.transpose(1, 2).bmm(dyByHead))));

    Tensor dStep = dot(dInput, in.x(), accumulationType);
    Tensor flow = chunks.split(dot(result.y(), dy, accumulationType).sub(dStep.mul(in.dt())));
    Tensor last = layout.boundary(result.state(), type);
    Tensor leaving = dot(next(before, last), dAfter, accumulationType);
    Tensor fromHere = flow.flip(2).cumsum(2).flip(2);
    Tensor dLog = chunks.join(fromHere.add(leaving.unsqueeze(2))).mul(terms.inRange());

    List<Tensor> gradients = new ArrayList<>();
    gradients.add(dInput.mul(Tensors.cast(in.dt(), type).unsqueeze(-1)));
    gradients.add(dStep.add(dLog.mul(in.a())));
    gradients.add(dLog.mul(in.dt()).sum(0, 1));
    gradients.add(layout.fromGroups(dB));
    gradients.add(layout.fromGroups(dC));
    if (in.initial().isPresent()) {
      Tensor decay = terms.decays().totals().narrow(1, 0, 1).exp().unsqueeze(-1);
      Tensor dPassing = terms.decays().passing(dAfter.narrow(1, 0, 1).mul(decay));
      Tensor dInitial = dPassing.add(dBefore.narrow(1, 0, 1));
      gradients.add(layout.fromBoundary(dInitial));
    }
    return gradients.toArray(Tensor[]::new);
  }

  /** From what belongs to the start of each chunk, and of the end, to the end of each chunk. */
  private static Tensor next(Tensor starts, Tensor end) {
    return Tensors.cat(1, starts.narrow(1, 1, starts.size(1) - 1), end);
  }

  private static Tensor dot(Tensor a, Tensor b, ScalarType accumulationType) {
    return sum(a.mul(b), -1, accumulationType);
  }

  private static Tensor sum(Tensor values, int dim, ScalarType accumulationType) {
    return values.sum(new long[] {dim}, false, new ScalarTypeOptional(accumulationType));
  }
}
