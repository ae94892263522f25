package dev.hydra.trainer.step;

import dev.hydra.composer.model.ComponentException;
import dev.hydra.libtorch.graphs.CudaGraph;
import dev.hydra.libtorch.graphs.GraphPool;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.trainer.step.Gradients.HandedOver;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A step as CUDA graphs: what begins it, a forward with its backward, and the update. Where sparse
 * gradients of tables are added up, the host does that between them, as their number of rows is
 * known to the device only.
 */
final class StepGraphs implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(StepGraphs.class.getName());

  private final GraphPool pool;
  private @Nullable CudaGraph begin;
  private @Nullable CudaGraph accumulate;
  private @Nullable CudaGraph update;
  private List<HandedOver> left = List.of();

  private StepGraphs(SideStream stream) {
    pool = new GraphPool(stream);
  }

  /**
   * Captures the step that a plan would make by itself. Nothing is computed.
   *
   * @param tokens what the forward reads
   * @param results what the update writes
   * @param direct whether the update takes gradients as the one backward has left them
   * @param warned is told where and why that is not possible
   * @return null if forward and backward cannot be captured
   */
  static @Nullable StepGraphs capture(
      SideStream stream,
      StepParts parts,
      Accumulation accumulation,
      Tensor tokens,
      StepResults results,
      boolean direct,
      Consumer<String> warned) {
    StepGraphs graphs = new StepGraphs(stream);
    long start = System.nanoTime();
    try {
      graphs.begin = CudaGraph.capture(stream, graphs.pool, parts::clear);
      graphs.accumulate =
          CudaGraph.capture(
              stream,
              graphs.pool,
              () -> {
                accumulation.run(tokens);
                graphs.left = parts.gradients().take();
              });
    } catch (RuntimeException e) {
      graphs.close();
      String place =
          e instanceof ComponentException component
              ? "the component at " + component.site().text()
              : "it";
      warned.accept(
          "the step is not captured as a CUDA graph, which makes small models slower: "
              + place
              + " cannot be captured ("
              + LibTorchException.readable(e)
              + "); trainer.graph = off says that this is meant");
      return null;
    }
    if (direct) {
      DeviceStep.find(parts, graphs.left);
    }
    if (direct || !parts.gradients().hasSparse()) {
      graphs.captureUpdate(stream, parts, results, warned);
    }
    graphs.log(System.nanoTime() - start);
    return graphs;
  }

  private void captureUpdate(
      SideStream stream, StepParts parts, StepResults results, Consumer<String> warned) {
    try {
      update =
          CudaGraph.capture(
              stream, pool, () -> DeviceStep.update(parts, results, HandedOver.tables(left)));
    } catch (RuntimeException e) {
      warned.accept(
          "the update of the optimizer "
              + parts.optimizer().getClass().getSimpleName()
              + " is not captured as a CUDA graph, which makes small models slower ("
              + LibTorchException.readable(e)
              + "); trainer.graph = off says that this is meant");
    }
  }

  private void log(long nanos) {
    LOG.log(
        System.Logger.Level.DEBUG,
        () ->
            "captured a step"
                + (update == null ? ", but for its update" : "")
                + ", in "
                + nanos / 1_000_000
                + " ms");
  }

  /** Zeroes gradients and sums. */
  void begin() {
    launch(begin);
  }

  /** Runs forward and backward, over the tokens that are in the buffer now. */
  void accumulate() {
    launch(accumulate);
  }

  /** What {@link #accumulate} leaves of gradients that are not in buffers; not to be closed. */
  List<HandedOver> left() {
    return left;
  }

  /** Says whether the update is captured. */
  boolean updateCaptured() {
    return update != null;
  }

  /** Runs the update; says whether that is captured. */
  boolean update() {
    if (update == null) {
      return false;
    }
    launch(update);
    return true;
  }

  private static void launch(@Nullable CudaGraph graph) {
    if (graph == null) {
      throw new IllegalStateException("this part of the step is not captured");
    }
    graph.replay();
  }

  @Override
  public void close() {
    for (@Nullable CudaGraph graph : new @Nullable CudaGraph[] {begin, accumulate, update}) {
      if (graph != null) {
        graph.close();
      }
    }
    left.forEach(HandedOver::close);
    pool.close();
  }
}
