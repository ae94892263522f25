package dev.hydra.router.topk;

import dev.hydra.api.Pass;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.libtorch.nn.RowLookup;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Routes chunks of tokens by what came before them.
 *
 * <p>A mean of hidden states is only ever mapped to logits, and the map is linear: so sums of
 * logits are kept instead, [experts] numbers where hidden states have [width]. Sums are differences
 * of running sums, in float64 so that nothing is lost in them.
 *
 * <p>Where chunks begin at multiples of their length, there is one decision for each, and on CUDA
 * only the sums of their hidden states are mapped; else (packed documents, forwards that begin or
 * end inside a chunk) each token looks up that of its chunk.
 */
final class ChunkTopKRouter implements Router {
  private final Tensor weight;
  private final Choice choice;
  private final int chunk;
  private final Summary summary;

  ChunkTopKRouter(Tensor weight, Choice choice, int chunk, Summary summary) {
    this.weight = weight;
    this.choice = choice;
    this.chunk = chunk;
    this.summary = summary;
  }

  @Override
  public int topK() {
    return choice.topK();
  }

  @Override
  public int span() {
    return chunk;
  }

  @Override
  public Routing route(Tensor x, Pass pass) {
    return FusedChunkStep.compute(x, weight, choice, chunk, summary, pass)
        .or(
            () ->
                FusedChunkLogits.compute(x, weight, chunk, summary, pass)
                    .map(logits -> choice.choose(logits, chunk, pass)))
        .orElseGet(() -> plain(x, pass));
  }

  /** The same by LibTorch's operators, and for pieces of texts with state, and for documents. */
  private Routing plain(Tensor x, Pass pass) {
    Steps steps = Steps.of(x, chunk, pass);
    Tensor sums;
    Tensor own;
    if (steps.size() > 1 && x.is_cuda()) {
      Tensor[] parts = new ChunkSums(chunk, summary == Summary.FIRST_TOKEN).apply(x);
      sums = logits(parts[0]);
      own = logits(parts[1]);
    } else {
      Tensor logits = logits(x);
      sums = steps.sums(logits);
      own = Tensors.every(logits, 1, 0, steps.size());
    }
    Tensor decided = decide(sums, own, steps, pass);
    return choice.choose(Tensors.cast(decided, Tensors.type(weight)), steps.size(), pass);
  }

  /** In float64 what is computed in at least float32. */
  private Tensor logits(Tensor x) {
    return Tensors.cast(Tensors.linear(Tensors.upcast(x), weight), ScalarType.Double);
  }

  /**
   * The logits [batch, steps, experts] of the decision for each step's chunk.
   *
   * @param logits their sum over each step [batch, steps, experts]
   * @param own those of the first token of each step, or of the first step only where no other's
   *     can matter
   */
  private Tensor decide(Tensor logits, Tensor own, Steps steps, Pass pass) {
    ChunkState state = ChunkState.before(logits, pass);
    Tensor sums = Steps.runningSums(logits, state.total());
    Tensor candidates =
        switch (summary) {
          case FIRST_TOKEN -> own;
          case PREVIOUS_CHUNK -> orOwn(steps, own, previousChunk(sums, steps, state));
          case RUNNING_MEAN -> orOwn(steps, own, runningMean(sums, steps, pass));
        };
    if (steps.areChunks(chunk)) {
      pass.cache().ifPresent(cache -> state.leave(candidates, sums, steps, chunk, cache));
      return candidates;
    }
    Tensor start = steps.chunkStart(chunk);
    Tensor decided = at(start, candidates);
    if (pass.cache().isEmpty()) {
      return decided;
    }
    Tensor continued = state.orRunning(start, decided);
    state.leave(continued, sums, steps, chunk, pass.cache().get());
    return continued;
  }

  /** The mean over the {@code chunk} tokens before each step; meant for where a chunk begins. */
  private Tensor previousChunk(Tensor sums, Steps steps, ChunkState state) {
    long count = sums.size(1) - 1;
    long reach = Math.min(chunk / steps.size(), count);
    Tensor mark = state.mark().unsqueeze(1).expand(-1, reach, -1);
    Tensor earlier = Tensors.cat(1, mark, Tensors.slice(sums, 1, 0, count - reach));
    return Tensors.mul(Tensors.slice(sums, 1, 0, count).sub(earlier), 1.0 / chunk);
  }

  /** The mean over all tokens before each step, of its document. */
  private static Tensor runningMean(Tensor sums, Steps steps, Pass pass) {
    Tensor sum = Tensors.slice(sums, 1, 0, sums.size(1) - 1);
    if (pass.documents().isPresent()) {
      sum = sum.sub(at(steps.documentStart(), sums));
    }
    try (Scalar one = new Scalar(1)) {
      return sum.div(steps.inDocument().clamp_min(one).unsqueeze(-1));
    }
  }

  /** The means, but a document's first token, with nothing before it, has its own logits. */
  private static Tensor orOwn(Steps steps, Tensor own, Tensor means) {
    try (Scalar zero = new Scalar(0)) {
      return torch.where(steps.inDocument().eq(zero).unsqueeze(-1), own, means);
    }
  }

  /** Rows of [batch, steps, experts] by their index along steps, int64 [1 or batch, steps]. */
  private static Tensor at(Tensor index, Tensor rows) {
    try (Scalar zero = new Scalar(0)) {
      return RowLookup.of(rows, index.clamp_min(zero));
    }
  }
}
