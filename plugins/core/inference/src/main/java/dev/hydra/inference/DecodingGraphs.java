package dev.hydra.inference;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.libtorch.graphs.CudaGraph;
import dev.hydra.libtorch.graphs.GraphPool;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.runtime.Scopes;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The decoding steps of a batch as CUDA graphs: one for each number of rows, a power of two of
 * which some may be idle, and for each way to draw. A graph goes from the newest tokens to the next
 * ones, which it leaves where it finds them: only they come to the host. Good as long as the
 * batch's buffers stay where they are.
 */
final class DecodingGraphs implements AutoCloseable {
  /** Runs before a capture: libraries set themselves up at first use, which cannot be captured. */
  private static final int WARM_UP = 2;

  private final SideStream stream;
  private final BatchState batch;
  private final BiFunction<Tensor, ForwardContext, Tensor> logits;
  private final long epoch;
  private final GraphPool pool;
  private final Tensor ids;
  private final Tensor numbers;
  private final Map<Kind, Captured> graphs = new HashMap<>();
  private final Map<Kind, Integer> runs = new HashMap<>();
  private long[] onDevice = {};
  private @Nullable RuntimeException problem;

  /** What a graph is for; without a way it ends with the logits. */
  private record Kind(int width, Optional<Sampler.Way> way) {}

  private record Captured(CudaGraph graph, Output output) {
    void close() {
      graph.close();
      output.logits().close();
      output.tokens().ifPresent(Tensor::close);
    }
  }

  /**
   * What a step leaves on the device.
   *
   * @param logits [width, vocabulary]
   * @param tokens int64 [width], if they are drawn
   * @param replayed whether a graph was replayed: then the next step replaces both
   */
  record Output(Tensor logits, Optional<Tensor> tokens, boolean replayed) {}

  /**
   * Prepares graphs.
   *
   * @param logits gives logits [rows, vocabulary] of tokens int64 [rows, 1]
   */
  DecodingGraphs(
      SideStream stream,
      BatchState batch,
      Device device,
      BiFunction<Tensor, ForwardContext, Tensor> logits) {
    this.stream = stream;
    this.batch = batch;
    this.logits = logits;
    this.epoch = batch.epoch();
    this.pool = new GraphPool(stream);
    Tensor[] buffers = new Tensor[2];
    Scopes.run(
        () -> {
          Tensor none = torch.zeros(new long[] {batch.room(), 1});
          buffers[0] = Scopes.own(none.to(device, ScalarType.Long));
          Tensor idle = torch.ones(new long[] {batch.room(), Sampler.NUMBERS});
          buffers[1] = Scopes.own(idle.to(device, ScalarType.Double));
        });
    ids = buffers[0];
    numbers = buffers[1];
  }

  /** Returns the epoch of the batch that these are good for. */
  long epoch() {
    return epoch;
  }

  /** Returns why a step could not be captured; it has been computed all the same. */
  Optional<RuntimeException> problem() {
    return Optional.ofNullable(problem);
  }

  /** Says what the ids are that a step has left. */
  void onDevice(long[] drawn) {
    onDevice = drawn;
  }

  /** Hands the next step its tokens, where they are not there yet, and its random numbers. */
  void load(long[] last, Optional<Sampler.Way> way, List<SampledRow> rows) {
    if (Arrays.mismatch(last, 0, last.length, onDevice, 0, Math.min(last.length, onDevice.length))
        >= 0) {
      ids.narrow(0, 0, last.length).copy_(Tensor.create(last).view(-1, 1));
    }
    if (way.isPresent() && !way.get().greedy()) {
      numbers.narrow(0, 0, last.length).copy_(Sampler.numbers(way.get(), rows));
    }
    onDevice = new long[0];
  }

  /**
   * Makes a step over so many rows. To be called within {@link SideStream#call}.
   *
   * @return what the caller's scope owns, or a graph
   */
  Output run(int width, Optional<Sampler.Way> way) {
    Kind kind = new Kind(width, way);
    if (!graphs.containsKey(kind) && runs.merge(kind, 1, Integer::sum) > WARM_UP) {
      capture(kind);
    }
    Captured captured = graphs.get(kind);
    if (captured == null) {
      return compute(kind);
    }
    captured.graph().replay();
    return captured.output();
  }

  private void capture(Kind kind) {
    Output[] output = new Output[1];
    try {
      CudaGraph graph =
          CudaGraph.capture(
              stream,
              pool,
              () -> {
                Output made = compute(kind);
                output[0] = new Output(Scopes.own(made.logits), made.tokens.map(Scopes::own), true);
              });
      graphs.put(kind, new Captured(graph, output[0]));
    } catch (RuntimeException e) {
      if (output[0] != null) {
        output[0].logits.close();
        output[0].tokens.ifPresent(Tensor::close);
      }
      problem = e;
    }
  }

  private Output compute(Kind kind) {
    Tensor[] made =
        Scopes.keepAll(
            () -> {
              Tensor[] results = new Tensor[kind.way.isPresent() ? 2 : 1];
              batch.capturable(kind.width, () -> compute(kind, results));
              return results;
            });
    return new Output(made[0], made.length > 1 ? Optional.of(made[1]) : Optional.empty(), false);
  }

  private void compute(Kind kind, Tensor[] results) {
    Tensor newest = ids.narrow(0, 0, kind.width);
    try (ForwardContext forward = ForwardContext.evaluation().with(batch);
        Scalar zero = new Scalar(0L)) {
      results[0] = logits.apply(newest, forward);
      if (kind.way.isPresent()) {
        Tensor given = numbers.narrow(0, 0, kind.width);
        results[1] = Sampler.draw(results[0], kind.way.get(), given);
        newest.copy_(results[1].clamp_min(zero).unsqueeze(1)); // what is not finite is no token
      }
    }
  }

  @Override
  public void close() {
    graphs.values().forEach(Captured::close);
    graphs.clear();
    ids.close();
    numbers.close();
    pool.close();
  }
}
