package dev.hydra.libtorch.graphs;

import java.util.function.Consumer;
import org.bytedeco.cuda.cudart.CUgraphNode_st;
import org.bytedeco.cuda.cudart.CUgraph_st;
import org.bytedeco.cuda.cudart.cudaGraphEdgeData;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * A graph before it is instantiated, node by node. CUDA lists nodes in arrays, but JavaCPP has it
 * write to a single pointer: never more than one may be asked for. So who wants to see them all
 * takes a copy apart.
 */
final class GraphNodes implements AutoCloseable {
  private final CUgraph_st graph;

  /** Takes a graph over: closing this destroys it. */
  GraphNodes(CUgraph_st graph) {
    this.graph = graph;
  }

  /** The graph as CUDA knows it. */
  CUgraph_st graph() {
    return graph;
  }

  /** Copies the graph. */
  GraphNodes copy() {
    CUgraph_st copy = new CUgraph_st();
    CudaException.check("cudaGraphClone", cudart.cudaGraphClone(copy, graph));
    return new GraphNodes(copy);
  }

  /** Finds the node of this copy that was a node of the graph which was copied. */
  CUgraphNode_st copyOf(CUgraphNode_st original) {
    CUgraphNode_st node = new CUgraphNode_st();
    CudaException.check(
        "cudaGraphNodeFindInClone", cudart.cudaGraphNodeFindInClone(node, original, graph));
    return node;
  }

  /** Takes the graph apart: each node is visited and then destroyed, with its edges. */
  void takeApart(Consumer<CUgraphNode_st> visitor) {
    CUgraphNode_st first = new CUgraphNode_st();
    try (SizeTPointer count = new SizeTPointer(1)) {
      while (true) {
        CudaException.check(
            "cudaGraphGetNodes", cudart.cudaGraphGetNodes(graph, first, count.put(1)));
        if (count.get() == 0) {
          return;
        }
        visitor.accept(first);
        destroy(first);
      }
    }
  }

  /** Gives all edges of a node to another one, and destroys it. */
  void replace(CUgraphNode_st old, CUgraphNode_st by) {
    CUgraphNode_st other = new CUgraphNode_st();
    try (SizeTPointer count = new SizeTPointer(1);
        cudaGraphEdgeData edge = new cudaGraphEdgeData()) {
      while (true) {
        CudaException.check(
            "cudaGraphNodeGetDependencies",
            cudart.cudaGraphNodeGetDependencies(old, other, edge, count.put(1)));
        if (count.get() == 0) {
          break;
        }
        move(other, old, other, by, edge);
      }
      while (true) {
        CudaException.check(
            "cudaGraphNodeGetDependentNodes",
            cudart.cudaGraphNodeGetDependentNodes(old, other, edge, count.put(1)));
        if (count.get() == 0) {
          break;
        }
        move(old, other, by, other, edge);
      }
    }
    destroy(old);
  }

  /** Makes one edge of another one, with the same data. */
  private void move(
      CUgraphNode_st oldFrom,
      CUgraphNode_st oldTo,
      CUgraphNode_st from,
      CUgraphNode_st to,
      cudaGraphEdgeData data) {
    CudaException.check(
        "cudaGraphRemoveDependencies",
        cudart.cudaGraphRemoveDependencies(graph, oldFrom, oldTo, data, 1));
    CudaException.check(
        "cudaGraphAddDependencies", cudart.cudaGraphAddDependencies(graph, from, to, data, 1));
  }

  private static void destroy(CUgraphNode_st node) {
    CudaException.check("cudaGraphDestroyNode", cudart.cudaGraphDestroyNode(node));
  }

  @Override
  public void close() {
    CudaException.check("cudaGraphDestroy", cudart.cudaGraphDestroy(graph));
  }
}
