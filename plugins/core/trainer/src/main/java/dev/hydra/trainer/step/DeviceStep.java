package dev.hydra.trainer.step;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.graphs.Upload;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.trainer.step.Gradients.HandedOver;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A step on CUDA, over buffers that stay the same. The device decides whether to update; the host
 * waits for the number of rows, where an optimizer takes sparse gradients of tables only, and else
 * for nothing but metrics. After some steps of one shape the step is captured as CUDA graphs, which
 * launch the same operators on the same tensors without the host: results are the same, bit for
 * bit. From then on the next step may be launched before the metrics of this one are there.
 */
final class DeviceStep implements StepPlan {
  /** Steps before a capture: libraries set themselves up at first use, which cannot be captured. */
  private static final int WARM_UP = 3;

  private final StepResults results;
  private final @Nullable SideStream stream;
  private final Consumer<String> warned;
  private @Nullable Tensor tokens;
  private @Nullable Upload upload;
  private int forwards;
  private int steady;
  private @Nullable StepGraphs graphs;
  private List<HandedOver> left = List.of();

  /**
   * Creates the plan of a model on a CUDA device.
   *
   * @param like a master parameter
   * @param captured whether to capture graphs
   * @param warned is told why a step cannot be captured
   */
  DeviceStep(Tensor like, boolean captured, Consumer<String> warned) {
    Set<String> said = new HashSet<>();
    this.warned = // once: the same part is tried again after every change of the model
        message -> {
          if (said.add(message)) {
            warned.accept(message);
          }
        };
    try (PointerScope scope = new PointerScope()) {
      stream = captured ? new SideStream(like.device()) : null;
    }
    results = new StepResults(like, stream);
  }

  @Override
  public Optional<StepInFlight> launch(StepParts parts, Inputs inputs) {
    Supplier<Optional<StepInFlight>> step = () -> step(parts, inputs);
    return stream == null ? step.get() : stream.call(step);
  }

  private Optional<StepInFlight> step(StepParts parts, Inputs inputs) {
    try (PointerScope scope = new PointerScope()) {
      Accumulation accumulation = new Accumulation(parts, inputs.forwards());
      for (int i = 0; i < inputs.forwards(); i++) {
        if (inputs.givenUpBefore(i)) {
          forget();
          return Optional.empty();
        }
        int number = i;
        Scopes.run(() -> load(parts, inputs, number));
        if (i == 0) {
          begin(parts, accumulation);
        }
        accumulate(parts, accumulation);
      }
      inputs.beforeUpdate().run();
      parts.optimizer().learningRate(inputs.learningRate());
      if (graphs == null || !graphs.update()) {
        if (direct(parts)) {
          find(parts, left);
        }
        update(parts, results, tables(parts));
      }
      forget();
      steady++;
      return Optional.of(results.read());
    }
  }

  private void load(StepParts parts, Inputs inputs, int number) {
    Tensor window = inputs.windows().apply(number);
    fit(parts, window, inputs.forwards());
    if (upload != null) {
      upload.begin(window);
    } else {
      buffer().copy_(window);
    }
  }

  private Tensor buffer() {
    if (tokens == null) {
      throw new IllegalStateException("the step has no tokens yet");
    }
    return tokens;
  }

  /** Makes room for windows of another shape, or another number of them. */
  private void fit(StepParts parts, Tensor window, int count) {
    boolean fits =
        tokens != null
            && forwards == count
            && Arrays.equals(Tensors.sizes(tokens), Tensors.sizes(window));
    if (!fits) {
      drop();
      forwards = count;
      tokens = Scopes.own(window.to(parts.model().placement().device(), ScalarType.Long));
      upload = stream == null ? null : new Upload(stream, tokens);
    }
  }

  private void begin(StepParts parts, Accumulation accumulation) {
    forget(); // of a step that has failed
    results.begin();
    if (stream != null && steady == WARM_UP) { // once: what cannot be captured is not tried again
      graphs =
          StepGraphs.capture(stream, parts, accumulation, buffer(), results, direct(parts), warned);
    }
    parts.gradients().clearTables();
    if (graphs == null) {
      parts.clear();
    } else {
      graphs.begin();
    }
  }

  private void accumulate(StepParts parts, Accumulation accumulation) {
    if (graphs != null) {
      graphs.accumulate();
      left = graphs.left();
    } else {
      forget();
      accumulation.run(buffer());
      left = parts.gradients().take();
    }
    if (!direct(parts)) {
      parts.gradients().addRows(HandedOver.tables(left));
    }
  }

  /** Says whether the update takes gradients as the one backward has left them. */
  private boolean direct(StepParts parts) {
    return forwards == 1 && parts.fused().isPresent();
  }

  /** Tells the update where a backward has left the gradients of parameters that are no tables. */
  static void find(StepParts parts, List<HandedOver> left) {
    parts.fused().orElseThrow().gradients(HandedOver.dense(left));
  }

  /** The sparse gradients of tables, for the update. */
  private Map<String, Tensor> tables(StepParts parts) {
    return direct(parts) ? HandedOver.tables(left) : parts.gradients().sparse();
  }

  private void forget() {
    if (graphs == null) { // or they are the graphs'
      left.forEach(HandedOver::close);
    }
    left = List.of();
  }

  /**
   * Clips, decides on the device whether all is finite, and updates if it is.
   *
   * @param results where metrics go
   * @param tables the sparse gradients of tables, by the names of parameters
   */
  static void update(StepParts parts, StepResults results, Map<String, Tensor> tables) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor norm =
          parts.fused().isPresent() ? parts.fused().get().norm(tables) : parts.clip().clip();
      Tensor skip = results.put(parts.sums().losses(), norm);
      if (parts.fused().isPresent()) {
        parts.fused().get().step(skip.to(ScalarType.Float));
      } else {
        parts.optimizer().stepUnless(skip.to(ScalarType.Float));
        parts.gradients().syncWorkingCopies();
      }
      parts.model().parameters().adapters().merge();
      parts.sums().adjustUnless(skip, parts.model().parameters());
    }
  }

  @Override
  public boolean inFlight() {
    return results.inFlight();
  }

  @Override
  public boolean ahead() {
    return updateCaptured();
  }

  /** Says whether steps are replayed now. */
  boolean captured() {
    return graphs != null;
  }

  /** Says whether the update is replayed, too. */
  boolean updateCaptured() {
    return graphs != null && graphs.updateCaptured();
  }

  private void drop() {
    results.settle(); // before what they compute with is freed
    forget();
    Optional.ofNullable(graphs).ifPresent(StepGraphs::close);
    graphs = null;
    Optional.ofNullable(upload).ifPresent(Upload::close);
    upload = null;
    Optional.ofNullable(tokens).ifPresent(Tensor::close);
    tokens = null;
    steady = 0;
  }

  @Override
  public void changed() {
    drop();
  }

  @Override
  public void close() {
    drop();
    results.close();
    Optional.ofNullable(stream).ifPresent(SideStream::close);
  }
}
