package dev.hydra.inference;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.ComponentException;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.runtime.CpuThreads;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.runtime.WeightCopies;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * One step of a batch: a token of each text goes through the model, and the next one is drawn. On
 * CUDA, where the host takes longer to issue a step than the device to compute it, steps are
 * captured as graphs, see {@link DecodingGraphs}, and replayed.
 */
final class DecodingStep implements AutoCloseable {
  private final Model model;
  private final int vocabulary;
  private final BatchState batch;
  private final Consumer<String> warned;
  private final @Nullable SideStream stream;
  private final DecodingWeights weights;
  private @Nullable DecodingGraphs graphs;
  private boolean refused;
  private long replayed;

  /**
   * What a step gave.
   *
   * @param logits [texts, vocabulary], which the next step may replace
   * @param tokens what was drawn for each text, or {@link Sampler#NOT_FINITE}
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody
  record Result(Tensor logits, int[] tokens) {}

  /**
   * Prepares steps.
   *
   * @param batch the texts, whoever joins and leaves
   * @param mode whether steps are captured, if the device is a CUDA device
   * @param quantization what weights are rounded to
   * @param warned is told why they cannot be
   */
  DecodingStep(
      Model model,
      int vocabulary,
      BatchState batch,
      GraphMode mode,
      Quantization quantization,
      Consumer<String> warned) {
    this.model = model;
    this.vocabulary = vocabulary;
    this.batch = batch;
    this.warned = warned;
    Device device = model.placement().device();
    this.stream = device.is_cuda() && mode == GraphMode.AUTO ? new SideStream(device) : null;
    this.weights = new DecodingWeights(model, quantization);
  }

  /** Returns how many steps were replayed. */
  long replayed() {
    return replayed;
  }

  /** The model is another one now. */
  void changed() {
    refused = false;
    weights.changed();
  }

  /** Frees what was made of the model, which changes now: {@link #changed} follows. */
  void forget() {
    if (graphs != null) {
      graphs.close();
      graphs = null;
    }
    weights.close();
  }

  /**
   * Makes a step. On a GPU this waits for it.
   *
   * @param last the newest token of each text
   * @param rows what they are drawn with
   */
  Result run(long[] last, List<SampledRow> rows) {
    if (stream == null || refused) {
      return issued(last, rows);
    }
    Optional<String> obstacle =
        batch
            .undeclared()
            .map(site -> "the component at " + site + " does not declare its state, and so");
    if (obstacle.isPresent()) {
      refuse(obstacle.get() + " decodes texts one by one");
      return issued(last, rows);
    }
    return stream.call(() -> onStream(stream, last, rows));
  }

  private void refuse(String why) {
    refused = true;
    warned.accept(
        "decoding is not captured as a CUDA graph, which makes small models slower: " + why);
  }

  /**
   * Makes a step whose operators the host issues, and asks components for their observations.
   *
   * @param seen is given them; they go with the step
   */
  Result observed(long[] last, List<SampledRow> rows, Consumer<Map<String, Tensor>> seen) {
    try (ForwardContext forward = ForwardContext.evaluation().observing().with(batch)) {
      Result result = issued(last, rows, forward);
      seen.accept(forward.observations());
      return result;
    }
  }

  private Result issued(long[] last, List<SampledRow> rows) {
    try (ForwardContext forward = ForwardContext.evaluation().with(batch)) {
      return issued(last, rows, forward);
    }
  }

  private Result issued(long[] last, List<SampledRow> rows, ForwardContext forward) {
    if (rows.size() > 1 || !device().is_cpu()) {
      return computed(last, rows, forward);
    }
    try (CpuThreads.Alone alone = CpuThreads.alone()) {
      return computed(last, rows, forward);
    }
  }

  private Result computed(long[] last, List<SampledRow> rows, ForwardContext forward) {
    Tensor ids = Tensor.create(last).view(-1, 1).to(device(), ScalarType.Long);
    try (WeightCopies.Use use = weights.use()) {
      Tensor logits = logits(ids, forward);
      return new Result(logits, Sampler.draw(logits, rows));
    }
  }

  private Device device() {
    return model.placement().device();
  }

  /** The logits [rows, vocabulary] after one more token of each row, ids [rows, 1]. */
  Tensor logits(Tensor ids, ForwardContext forward) {
    Tensor hidden = model.hidden(ids, forward);
    return Tensors.slice(model.logits(hidden).squeeze(1), 1, 0, vocabulary);
  }

  private Result onStream(SideStream of, long[] last, List<SampledRow> rows) {
    batch.reserve();
    if (graphs != null && graphs.epoch() != batch.epoch()) {
      graphs.close();
      graphs = null;
    }
    if (graphs == null) {
      graphs = new DecodingGraphs(of, batch, device(), this::logits);
    }
    DecodingGraphs now = graphs;
    Optional<Sampler.Way> way = Sampler.Way.common(rows);
    int width = Math.max(1, Integer.highestOneBit(2 * rows.size() - 1));
    Scopes.run(() -> now.load(last, way, rows));
    DecodingGraphs.Output output = now.run(width, way);
    now.problem().ifPresent(problem -> refuse(reason(problem)));
    if (output.replayed()) {
      replayed++;
    }
    batch.replayed();
    Tensor logits = output.logits().narrow(0, 0, rows.size());
    int[] tokens;
    if (output.tokens().isPresent()) {
      long[] drawn = Tensors.integers(output.tokens().get());
      tokens = Arrays.stream(drawn, 0, rows.size()).mapToInt(Math::toIntExact).toArray();
      now.onDevice(drawn);
    } else {
      tokens = Sampler.draw(logits, rows);
    }
    return new Result(logits, tokens);
  }

  private static String reason(RuntimeException e) {
    String where =
        e instanceof ComponentException component
            ? "the component at " + component.site().text()
            : "the step";
    return where + " cannot be captured (" + LibTorchException.readable(e) + ")";
  }

  @Override
  public void close() {
    forget();
    if (stream != null) {
      stream.close();
    }
  }
}
