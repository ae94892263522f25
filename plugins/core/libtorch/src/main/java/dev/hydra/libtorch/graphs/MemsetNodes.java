package dev.hydra.libtorch.graphs;

import dev.hydra.libtorch.kernels.Kernel;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelException;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.cuda.cudart.CUgraphNode_st;
import org.bytedeco.cuda.cudart.cudaMemsetParams;
import org.bytedeco.cuda.global.cudart;
import org.jspecify.annotations.Nullable;

/**
 * Puts a kernel in the place of each small memset of a graph. Between kernels a memset is another
 * kind of work for the device, and what comes after it begins microseconds later. cuBLAS has a
 * counter of 4 bytes set before many a product.
 */
final class MemsetNodes {
  /** The program of the kernel. */
  static final String PROGRAM = "memset.cu";

  /** One block writes them, a few for each thread. */
  static final long MOST_BYTES = 4096;

  private static final int WARP = 32;
  private static final int MOST_THREADS = 1024;

  private static final KernelSet KERNELS =
      KernelSet.of(KernelSource.of(MemsetNodes.class, PROGRAM));

  private static final System.Logger LOG = System.getLogger(MemsetNodes.class.getName());

  /** What CUDA has refused once is not tried again. */
  private static final AtomicBoolean REFUSED = new AtomicBoolean();

  private MemsetNodes() {}

  /**
   * Makes a graph that does the same, with the same bits, and has kernels for small memsets.
   *
   * @param captured stays as it is
   * @param device where it was captured
   * @return null if there are none, kernels are not to be used, or CUDA refuses, which is said once
   * @throws KernelException if the kernel is demanded but cannot be compiled, see {@link
   *     dev.hydra.libtorch.kernels.KernelMode#FUSED}
   */
  static @Nullable GraphNodes asKernels(GraphNodes captured, int device) {
    Optional<Kernels> kernels = KERNELS.usable(device, Map.of());
    if (kernels.isEmpty() || REFUSED.get()) {
      return null;
    }
    try {
      return changed(captured, kernels.get().get("set_elements"));
    } catch (CudaException | KernelException e) {
      REFUSED.set(true);
      LOG.log(
          System.Logger.Level.WARNING,
          "small memsets of CUDA graphs stay, which is slower: " + e.getMessage());
      return null;
    }
  }

  private static @Nullable GraphNodes changed(GraphNodes captured, Kernel kernel) {
    try (GraphNodes parts = captured.copy()) {
      GraphNodes changed = parts.copy();
      boolean differs = false;
      try {
        differs = replaceAll(parts, changed, kernel) > 0;
      } finally {
        if (!differs) {
          changed.close();
        }
      }
      return differs ? changed : null;
    }
  }

  /** Takes a graph apart, and replaces in a copy of it what is a small memset; counts these. */
  private static int replaceAll(GraphNodes parts, GraphNodes copy, Kernel kernel) {
    int[] replaced = new int[1];
    try (cudaMemsetParams memset = new cudaMemsetParams()) {
      parts.takeApart(
          node -> {
            if (isMemset(node) && isSmall(node, memset)) {
              replace(copy, copy.copyOf(node), memset, kernel);
              replaced[0]++;
            }
          });
    }
    return replaced[0];
  }

  private static boolean isMemset(CUgraphNode_st node) {
    int[] type = new int[1];
    CudaException.check("cudaGraphNodeGetType", cudart.cudaGraphNodeGetType(node, type));
    return type[0] == cudart.cudaGraphNodeTypeMemset;
  }

  /** Says so, and what it writes. */
  private static boolean isSmall(CUgraphNode_st node, cudaMemsetParams memset) {
    CudaException.check(
        "cudaGraphMemsetNodeGetParams", cudart.cudaGraphMemsetNodeGetParams(node, memset));
    return memset.height() == 1 && memset.width() * memset.elementSize() <= MOST_BYTES;
  }

  private static void replace(
      GraphNodes graph, CUgraphNode_st old, cudaMemsetParams memset, Kernel kernel) {
    int bytes = (int) (memset.width() * memset.elementSize());
    long warps = Grid.count(bytes, WARP);
    CUgraphNode_st node =
        kernel.addTo(
            graph.graph(),
            Grid.of(1, (int) Math.min(warps * WARP, MOST_THREADS)),
            memset.dst().address(),
            memset.value(),
            memset.elementSize(),
            bytes);
    graph.replace(old, node);
  }
}
