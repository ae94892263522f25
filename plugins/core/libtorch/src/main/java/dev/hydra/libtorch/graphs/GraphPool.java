package dev.hydra.libtorch.graphs;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.cuda.CUDAAllocator;
import org.bytedeco.pytorch.cuda.DeviceAssertionsDataVectorCUDAKernelLaunchInfoVectorPair;
import org.bytedeco.pytorch.cuda.MemPool;
import org.bytedeco.pytorch.cuda.StreamFilter;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * Device memory that graphs keep for themselves: what they compute with lies at the same addresses
 * at every replay. Graphs of one pool share it, and so must be replayed in the order in which they
 * were captured.
 */
public final class GraphPool implements AutoCloseable {
  /** Every allocation of the process, while a capture runs: LibTorch asks on any thread. */
  private static final StreamFilter ALL = new Everything();

  private final byte device;

  /** The pool's name, a pair of numbers; JavaCPP calls the pair after another one. */
  private final DeviceAssertionsDataVectorCUDAKernelLaunchInfoVectorPair id;

  private static final class Everything extends StreamFilter {
    Everything() {
      retainReference();
    }

    @Override
    public boolean call(Pointer stream) {
      return true;
    }
  }

  /**
   * Creates an empty pool on the device of a stream, after memory that nobody uses is given back.
   */
  public GraphPool(SideStream stream) {
    device = stream.device();
    allocator().emptyCache();
    id = MemPool.graph_pool_handle(true);
    // JavaCPP would free it as that other pair, of vectors: neither a scope nor the garbage
    // collector may. Its two numbers stay behind.
    id.retainReference();
    id.deallocate(false);
    torch_cuda.createOrIncrefPool(device, id);
  }

  private static CUDAAllocator allocator() {
    return torch_cuda.getAllocator();
  }

  /** Runs work whose allocations come from this pool. */
  void run(Runnable work) {
    torch_cuda.beginAllocateToPool(device, id, ALL);
    try {
      work.run();
    } finally {
      torch_cuda.endAllocateToPool(device, id);
    }
  }

  /** Gives the memory back, but for what tensors still hold; no graph may be replayed any more. */
  @Override
  public void close() {
    CUDAAllocator allocator = allocator();
    while (torch_cuda.getPoolUseCount(device, id) > 0) { // one for each capture, and one
      allocator.releasePool(device, id);
    }
    allocator.emptyCache();
  }
}
