package dev.hydra.libtorch.graphs;

import dev.hydra.libtorch.kernels.KernelLaunches;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Tries the CUDA kernels that captured graphs are given, on a device. */
public final class GraphTrial {
  /** The programs that are tried. */
  public static final List<String> PROGRAMS = List.of(MemsetNodes.PROGRAM);

  private static final long COUNT = 8;
  private static final int WRITTEN = 5;
  private static final int VALUE = 42;

  private GraphTrial() {}

  /**
   * Replays a small memset that was captured, with the kernel and without.
   *
   * @param device a CUDA device
   * @throws dev.hydra.libtorch.kernels.KernelException if it cannot be compiled or launched
   * @throws IllegalStateException if it writes something else, or does not run
   */
  public static void run(Device device) {
    long[] found = KernelLaunches.demand(PROGRAMS, () -> written(device, KernelMode.FUSED));
    long[] expected = written(device, KernelMode.PLAIN);
    if (!Arrays.equals(found, expected)) {
      throw new IllegalStateException(
          "in place of a memset, a kernel leaves "
              + Arrays.toString(found)
              + ", not "
              + Arrays.toString(expected));
    }
  }

  private static long[] written(Device device, KernelMode mode) {
    try (PointerScope scope = new PointerScope();
        KernelMode.Setting kernels = mode.set();
        SideStream stream = new SideStream(device);
        GraphPool pool = new GraphPool(stream)) {
      Tensor bytes = torch.ones(COUNT).to(device, ScalarType.Byte);
      return stream.call(
          () -> {
            Runnable memset =
                () ->
                    CudaException.check(
                        "cudaMemsetAsync",
                        cudart.cudaMemsetAsync(bytes.data_ptr(), VALUE, WRITTEN, stream.handle()));
            try (CudaGraph graph = CudaGraph.capture(stream, pool, memset)) {
              graph.replay();
              return Tensors.integers(bytes);
            }
          });
    }
  }
}
