package dev.hydra.inference;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.libtorch.graphs.CudaGraph;
import dev.hydra.libtorch.graphs.GraphPool;
import dev.hydra.libtorch.graphs.Readback;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.runtime.Scopes;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Supplier;
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

  /** Of the newest step and of the one before it, which the host may not have read yet. */
  private final Readback[] tokens;

  private final Map<Kind, Captured> graphs = new HashMap<>();
  private final Map<Kind, Integer> runs = new HashMap<>();
  private long launched;
  private Kind newest = new Kind(0, Optional.empty());
  private long[] onDevice = {};
  private @Nullable RuntimeException problem;

  /** What a graph is for; without a way it ends with the logits. */
  private record Kind(int width, Optional<Sampler.Way> way) {
    static Kind of(List<SampledRow> rows) {
      int width = Math.max(1, Integer.highestOneBit(2 * rows.size() - 1));
      return new Kind(width, Sampler.Way.common(rows));
    }
  }

  private record Captured(CudaGraph graph, Tensor logits, Optional<Tensor> tokens) {
    void close() {
      graph.close();
      logits.close();
      tokens.ifPresent(Tensor::close);
    }
  }

  /** What a step leaves on the device: logits [width, vocabulary], and tokens int64 [width]. */
  private record Left(Tensor logits, Optional<Tensor> tokens) {}

  /**
   * What a step gives.
   *
   * @param logits [width, vocabulary]
   * @param drawn waits for the token of each row, if they are drawn on the device
   * @param replayed whether a graph was replayed: then the next step replaces the logits
   */
  record Output(Tensor logits, Optional<Supplier<int[]>> drawn, boolean replayed) {}

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
    tokens =
        new Readback[] {
          new Readback(stream, ScalarType.Long, batch.room()),
          new Readback(stream, ScalarType.Long, batch.room())
        };
  }

  /** Returns the epoch of the batch that these are good for. */
  long epoch() {
    return epoch;
  }

  /** Returns why a step could not be captured; it has been computed all the same. */
  Optional<RuntimeException> problem() {
    return Optional.ofNullable(problem);
  }

  /**
   * Makes a step. To be called within {@link SideStream#call}.
   *
   * @param last the newest token of each row
   * @param rows what they are drawn with
   * @return what the caller's scope owns, or a graph
   */
  Output run(long[] last, List<SampledRow> rows) {
    int known = Math.min(last.length, onDevice.length);
    if (Arrays.mismatch(last, 0, last.length, onDevice, 0, known) >= 0) {
      Scopes.run(() -> load(ids, Tensor.create(last).view(-1, 1)));
    }
    return run(Kind.of(rows), rows);
  }

  /** Says whether the newest step has drawn on the device, and a graph can go on from there. */
  boolean canFollow() {
    return newest.way.isPresent() && graphs.containsKey(newest) && epoch == batch.epoch();
  }

  /** Makes the step after the newest one, of the same rows, as {@link #run} does. */
  Output follow(List<SampledRow> rows) {
    return run(newest, rows);
  }

  private Output run(Kind kind, List<SampledRow> rows) {
    newest = kind;
    onDevice = new long[0];
    if (kind.way.isPresent() && !kind.way.get().greedy()) {
      Scopes.run(() -> load(numbers, Sampler.numbers(kind.way.get(), rows)));
    }
    if (!graphs.containsKey(kind) && runs.merge(kind, 1, Integer::sum) > WARM_UP) {
      capture(kind);
    }
    Captured captured = graphs.get(kind);
    if (captured == null) {
      Left made = compute(kind);
      return output(made.logits, made.tokens, rows.size(), false);
    }
    captured.graph.replay();
    return output(captured.logits, captured.tokens, rows.size(), true);
  }

  /** Copies to the first rows of a buffer after what the device does, which is not waited for. */
  private static void load(Tensor buffer, Tensor values) {
    buffer.narrow(0, 0, values.size(0)).copy_(values.pin_memory(), true);
  }

  private Output output(Tensor made, Optional<Tensor> drawn, int rows, boolean replayed) {
    long number = ++launched;
    if (drawn.isEmpty()) {
      return new Output(made, Optional.empty(), replayed);
    }
    Readback readback = tokens[(int) (number % tokens.length)];
    readback.begin(drawn.get());
    return new Output(made, Optional.of(() -> read(readback, number, rows)), replayed);
  }

  private int[] read(Readback readback, long number, int rows) {
    long[] drawn = readback.integers();
    if (number == launched) {
      onDevice = drawn;
    }
    return Arrays.stream(drawn, 0, rows).mapToInt(Math::toIntExact).toArray();
  }

  private void capture(Kind kind) {
    Left[] left = new Left[1];
    try {
      CudaGraph graph =
          CudaGraph.capture(
              stream,
              pool,
              () -> {
                Left made = compute(kind);
                left[0] = new Left(Scopes.own(made.logits), made.tokens.map(Scopes::own));
              });
      graphs.put(kind, new Captured(graph, left[0].logits, left[0].tokens));
    } catch (RuntimeException e) {
      if (left[0] != null) {
        left[0].logits.close();
        left[0].tokens.ifPresent(Tensor::close);
      }
      problem = e;
    }
  }

  private Left compute(Kind kind) {
    Tensor[] made =
        Scopes.keepAll(
            () -> {
              Tensor[] results = new Tensor[kind.way.isPresent() ? 2 : 1];
              batch.capturable(kind.width, () -> compute(kind, results));
              return results;
            });
    return new Left(made[0], made.length > 1 ? Optional.of(made[1]) : Optional.empty());
  }

  private void compute(Kind kind, Tensor[] results) {
    Tensor newTokens = ids.narrow(0, 0, kind.width);
    try (ForwardContext forward = ForwardContext.evaluation().with(batch);
        Scalar zero = new Scalar(0L)) {
      results[0] = logits.apply(newTokens, forward);
      if (kind.way.isPresent()) {
        Tensor given = numbers.narrow(0, 0, kind.width);
        results[1] = Sampler.draw(results[0], kind.way.get(), given);
        newTokens.copy_(results[1].clamp_min(zero).unsqueeze(1)); // what is not finite is no token
      }
    }
  }

  @Override
  public void close() {
    for (Readback readback : tokens) {
      readback.close(); // and with it the step that has drawn them
    }
    graphs.values().forEach(Captured::close);
    graphs.clear();
    ids.close();
    numbers.close();
    pool.close();
  }
}
