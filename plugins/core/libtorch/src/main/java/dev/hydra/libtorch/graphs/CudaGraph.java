package dev.hydra.libtorch.graphs;

import org.bytedeco.cuda.cudart.CUgraphExec_st;
import org.bytedeco.cuda.cudart.CUgraph_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.PointerScope;
import org.jspecify.annotations.Nullable;

/**
 * Work of a CUDA device that was captured once and is launched as a whole: the host no longer
 * issues its operators one by one. Everything is replayed as it was captured, with the same tensors
 * and the same numbers that the host put in; only what tensors hold may differ. Small memsets are
 * replayed as kernels, which cost less between others.
 */
public final class CudaGraph implements AutoCloseable {
  private final SideStream stream;
  private final CUgraphExec_st program = new CUgraphExec_st();

  private CudaGraph(SideStream stream) {
    this.stream = stream;
    program.retainReference(); // it stays, whatever scope is open
  }

  /**
   * Captures what work launches on a stream; nothing of it is computed. To be called within {@link
   * SideStream#call}, after the same work has run there as it is: kernels are loaded, and libraries
   * set up, at first use, which cannot be captured.
   *
   * @param pool the memory that it computes in, closed after the graph
   * @throws CudaException if CUDA refuses
   * @throws RuntimeException whatever work throws: the stream and what its tensors hold are as
   *     before
   */
  public static CudaGraph capture(SideStream stream, GraphPool pool, Runnable work) {
    CudaGraph graph = new CudaGraph(stream);
    pool.run(() -> graph.record(work));
    return graph;
  }

  private void record(Runnable work) {
    try (PointerScope scope = new PointerScope()) {
      CUgraph_st captured = new CUgraph_st();
      CudaException.check(
          "cudaStreamBeginCapture",
          cudart.cudaStreamBeginCapture(stream.handle(), cudart.cudaStreamCaptureModeThreadLocal));
      try {
        work.run();
      } catch (RuntimeException | Error e) {
        abandon(captured);
        throw e;
      }
      CudaException.check(
          "cudaStreamEndCapture", cudart.cudaStreamEndCapture(stream.handle(), captured));
      try (GraphNodes nodes = new GraphNodes(captured)) {
        instantiate(nodes);
      }
    }
  }

  private void instantiate(GraphNodes captured) {
    try (@Nullable GraphNodes faster = MemsetNodes.asKernels(captured, stream.device())) {
      CUgraph_st graph = faster == null ? captured.graph() : faster.graph();
      CudaException.check("cudaGraphInstantiate", cudart.cudaGraphInstantiate(program, graph, 0));
    }
  }

  /** Ends a capture that has failed, for whatever reason: that is what the caller is told. */
  private void abandon(CUgraph_st captured) {
    if (cudart.cudaStreamEndCapture(stream.handle(), captured) == cudart.cudaSuccess
        && !captured.isNull()) {
      cudart.cudaGraphDestroy(captured);
    }
    cudart.cudaGetLastError(); // or the next check of LibTorch finds it
  }

  /** Launches it on its stream and does not wait; within {@link SideStream#call}. */
  public void replay() {
    CudaException.check("cudaGraphLaunch", cudart.cudaGraphLaunch(program, stream.handle()));
  }

  /** Frees it; what was launched has ended. */
  @Override
  public void close() {
    if (!program.isNull()) {
      CudaException.check("cudaGraphExecDestroy", cudart.cudaGraphExecDestroy(program));
    }
    program.close();
  }
}
