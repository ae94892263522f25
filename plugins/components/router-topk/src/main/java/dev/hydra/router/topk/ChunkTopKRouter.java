package dev.hydra.router.topk;

import dev.hydra.api.Pass;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Routes chunks of tokens by what came before them.
 *
 * <p>A mean of hidden states is only ever mapped to logits, and the map is linear: so the logits of
 * single tokens are averaged instead, [experts] numbers a token where hidden states have [width].
 * Sums are differences of running sums, in float64 so that nothing is lost in them.
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
  public Routing route(Tensor x, Pass pass) {
    Tensor logits = Tensors.linear(Tensors.upcast(x), weight);
    Tensor decided = decide(Tensors.cast(logits, ScalarType.Double), pass);
    return choice.choose(Tensors.cast(decided, Tensors.type(logits)), pass);
  }

  /** Replaces each token's logits [batch, time, experts] by those of its chunk's decision. */
  private Tensor decide(Tensor logits, Pass pass) {
    Positions positions = Positions.of(logits, pass);
    ChunkState state = ChunkState.before(logits, pass);
    Tensor sums = runningSums(logits, state);
    Tensor candidates =
        switch (summary) {
          case FIRST_TOKEN -> logits;
          case PREVIOUS_CHUNK -> orOwn(positions, logits, previousChunk(sums, state));
          case RUNNING_MEAN -> orOwn(positions, logits, runningMean(sums, positions, pass));
        };
    Tensor start = positions.chunkStart(chunk);
    Tensor decided = at(start, candidates);
    if (pass.cache().isEmpty()) {
      return decided;
    }
    Tensor continued = state.orRunning(start, decided);
    state.leave(continued, sums, chunk, pass.cache().get());
    return continued;
  }

  /** The sum of all logits before each token, and after the last: [batch, time + 1, experts]. */
  private static Tensor runningSums(Tensor logits, ChunkState state) {
    Tensor total = state.total().unsqueeze(1);
    return Tensors.cat(1, total, logits.cumsum(1).add(total));
  }

  /** The mean over the {@code chunk} tokens before each token; meant for where a chunk begins. */
  private Tensor previousChunk(Tensor sums, ChunkState state) {
    long time = sums.size(1) - 1;
    long reach = Math.min(chunk, time);
    Tensor mark = state.mark().unsqueeze(1).expand(-1, reach, -1);
    Tensor earlier = Tensors.cat(1, mark, Tensors.slice(sums, 1, 0, time - reach));
    return Tensors.mul(Tensors.slice(sums, 1, 0, time).sub(earlier), 1.0 / chunk);
  }

  /** The mean over all tokens before each token, of its document. */
  private static Tensor runningMean(Tensor sums, Positions positions, Pass pass) {
    Tensor sum = Tensors.slice(sums, 1, 0, sums.size(1) - 1);
    if (pass.documents().isPresent()) {
      sum = sum.sub(at(positions.documentStart(), sums));
    }
    try (Scalar one = new Scalar(1)) {
      return sum.div(positions.inDocument().clamp_min(one).unsqueeze(-1));
    }
  }

  /** The means, but a document's first token, with nothing before it, has its own logits. */
  private static Tensor orOwn(Positions positions, Tensor logits, Tensor means) {
    try (Scalar zero = new Scalar(0)) {
      return torch.where(positions.inDocument().eq(zero).unsqueeze(-1), logits, means);
    }
  }

  /** Rows of [batch, time, experts] by their index along time, int64 [1 or batch, time]. */
  private static Tensor at(Tensor index, Tensor rows) {
    try (Scalar zero = new Scalar(0)) {
      Tensor existing = index.clamp_min(zero).unsqueeze(-1);
      return rows.gather(1, existing.expand(rows.size(0), index.size(1), rows.size(2)));
    }
  }
}
