package dev.hydra.inference;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.ComponentException;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.runtime.CpuThreads;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.runtime.WeightCopies;
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
class DecodingStep implements AutoCloseable {
  private final Model model;
  private final int vocabulary;
  private final BatchState batch;
  private final Consumer<String> warned;
  private final @Nullable SideStream stream;
  private final DecodingWeights weights;
  private @Nullable DecodingGraphs graphs;
  private boolean refused;
  private long replayed;

  /** The last step, if its tokens are on the device. */
  private @Nullable LaunchedStep newest;

  /**
   * Prepares steps.
   *
   * @param batch the texts, whoever joins and leaves
   * @param mode whether steps are captured, if the device is a CUDA device
   * @param quantization what weights are rounded to
   * @param warned is told why they cannot be captured, and what is not rounded
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
    this.weights = new DecodingWeights(model, quantization, warned);
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
   * Launches a step.
   *
   * @param by those who have a row in the batch, in this order
   */
  LaunchedStep launch(List<Session> by) {
    if (graphs == null && stream != null && !refused) {
      batch
          .undeclared()
          .map(site -> "the component at " + site + " does not declare its state, and so")
          .ifPresent(obstacle -> refuse(obstacle + " decodes texts one by one"));
    }
    return stream == null || refused ? issued(by) : stream.call(() -> onStream(stream, by));
  }

  /**
   * Launches the step after the last one, whose tokens the host need not have, where that is a
   * replay of the same graph.
   *
   * @param before the last one; nobody has joined or left since
   */
  Optional<LaunchedStep> follow(LaunchedStep before) {
    DecodingGraphs now = graphs;
    if (stream == null
        || refused
        || now == null
        || !before.equals(newest)
        || !now.canFollow()
        || !batch.hasRoom()) {
      return Optional.empty();
    }
    return Optional.of(stream.call(() -> launched(before.by(), now.follow(rows(before.by())))));
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
  LaunchedStep observed(List<Session> by, Consumer<Map<String, Tensor>> seen) {
    try (ForwardContext forward = ForwardContext.evaluation().observing().with(batch)) {
      LaunchedStep step = issued(by, last(by), forward);
      seen.accept(forward.observations());
      return step;
    }
  }

  private LaunchedStep issued(List<Session> by) {
    return issued(by, last(by));
  }

  /** Makes a step whose operators the host issues, from the newest token of each text. */
  LaunchedStep issued(List<Session> by, long[] last) {
    try (ForwardContext forward = ForwardContext.evaluation().with(batch)) {
      return issued(by, last, forward);
    }
  }

  private LaunchedStep issued(List<Session> by, long[] last, ForwardContext forward) {
    if (by.size() > 1 || !device().is_cpu()) {
      return computed(by, last, forward);
    }
    try (CpuThreads.Alone alone = CpuThreads.alone()) {
      return computed(by, last, forward);
    }
  }

  private LaunchedStep computed(List<Session> by, long[] last, ForwardContext forward) {
    newest = null;
    Tensor ids = Tensor.create(last).view(-1, 1).to(device(), ScalarType.Long);
    Tensor logits = logits(ids, forward);
    int[] tokens = Sampler.draw(logits, rows(by));
    return new LaunchedStep(by, logits, () -> tokens);
  }

  private static long[] last(List<Session> by) {
    return by.stream().mapToLong(Session::last).toArray();
  }

  private static List<SampledRow> rows(List<Session> by) {
    return by.stream().map(Session::row).toList();
  }

  private Device device() {
    return model.placement().device();
  }

  /** The logits [rows, vocabulary] after one more token of each row, ids [rows, 1]. */
  Tensor logits(Tensor ids, ForwardContext forward) {
    try (WeightCopies.Use use = weights.use()) {
      Tensor hidden = model.hidden(ids, forward);
      return Tensors.slice(model.logits(hidden).squeeze(1), 1, 0, vocabulary);
    }
  }

  private LaunchedStep onStream(SideStream of, List<Session> by) {
    batch.reserve();
    if (graphs != null && graphs.epoch() != batch.epoch()) {
      graphs.close();
      graphs = null;
    }
    if (graphs == null) {
      graphs = new DecodingGraphs(of, batch, device(), this::logits);
    }
    DecodingGraphs now = graphs;
    DecodingGraphs.Output output = now.run(last(by), rows(by));
    now.problem().ifPresent(problem -> refuse(reason(problem)));
    return launched(by, output);
  }

  private LaunchedStep launched(List<Session> by, DecodingGraphs.Output output) {
    if (output.replayed()) {
      replayed++;
    }
    batch.replayed();
    if (output.drawn().isPresent()) {
      newest = new LaunchedStep(by, output.logits(), output.drawn().get());
      return newest;
    }
    newest = null;
    int[] tokens = Sampler.draw(output.logits().narrow(0, 0, by.size()), rows(by));
    return new LaunchedStep(by, output.logits(), () -> tokens);
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
