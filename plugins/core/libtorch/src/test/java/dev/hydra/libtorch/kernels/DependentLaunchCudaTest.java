package dev.hydra.libtorch.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.graphs.CudaGraph;
import dev.hydra.libtorch.graphs.GraphPool;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch_cuda;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Kernels that are launched while those run that they wait for. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class DependentLaunchCudaTest {
  private static final Device CUDA = new Device("cuda:0");
  private static final int SIZE = 100_003;
  private static final int LINKS = 150;
  private static final int REPLAYS = 50;

  private static Kernels kernels(Tensor tensor, int overlap) {
    KernelSource source =
        KernelSource.of(
            DependentLaunchCudaTest.class, "dependent_launch.cu", "test_dependent_launch.cu");
    return KernelSet.of(source).usable(tensor, Map.of("OVERLAP", overlap)).orElseThrow();
  }

  /** There and back, LINKS times: a kernel writes what the one before it reads, too. */
  private static void chain(Kernel mixed, Tensor here, Tensor weights, Tensor there) {
    Grid grid = Grid.of((SIZE + 255) / 256, 256);
    for (int i = 0; i < LINKS; i++) {
      mixed.launch(grid, here, weights, there, SIZE);
      mixed.launch(grid, there, weights, here, SIZE);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aChainHasTheBitsOfPlainLaunches(boolean captured) {
    Tensor start = torch.rand(SIZE).to(CUDA, ScalarType.Float);
    Tensor weights = torch.rand(16).to(CUDA, ScalarType.Float);
    Tensor expected = start.clone();
    Tensor between = torch.zeros_like(start);
    Kernel plain = kernels(start, 0).get("mixed");
    Kernel overlapping = kernels(start, 1).get("mixed");
    Tensor here = start.clone();
    repeat(REPLAYS, () -> chain(plain, expected, weights, between));
    between.zero_();
    run(REPLAYS, captured, () -> chain(overlapping, here, weights, between));
    assertTrue(here.equal(expected));
    assertTrue(Tensors.number(here.std()) > 0.1, "the numbers have not died out");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theNextKernelRunsBesideTheOneThatItWaitsFor(boolean captured) {
    Tensor numbers = torch.zeros(2).to(CUDA, ScalarType.Int);
    boolean hopper = Gpu.of(numbers).overlapsKernels();
    assertEquals(hopper ? 1 : 0, seen(numbers, 1, captured));
    assertEquals(0, seen(numbers, 0, captured));
  }

  /** What the first of two kernels sees of the second. */
  private static int seen(Tensor numbers, int overlap, boolean captured) {
    numbers.zero_();
    Tensor met = numbers.narrow(0, 0, 1);
    Tensor seen = numbers.narrow(0, 1, 1);
    Kernel early = kernels(numbers, overlap).get("early");
    Kernel late = kernels(numbers, overlap).get("late");
    run(
        1,
        captured,
        () -> {
          early.launch(Grid.of(1, 1), met, seen);
          late.launch(Grid.of(1, 1), met);
        });
    return (int) Tensors.number(seen);
  }

  /** Runs work on a stream of its own, so many times, as it is or captured once. */
  private static void run(int times, boolean captured, Runnable work) {
    torch_cuda.device_synchronize();
    try (SideStream stream = new SideStream(CUDA);
        GraphPool pool = new GraphPool(stream)) {
      stream.call(
          () -> {
            if (captured) {
              try (CudaGraph graph = CudaGraph.capture(stream, pool, work)) {
                repeat(times, graph::replay);
              }
            } else {
              repeat(times, work);
            }
            return null;
          });
    }
  }

  private static void repeat(int times, Runnable work) {
    for (int i = 0; i < times; i++) {
      work.run();
    }
    torch_cuda.device_synchronize();
  }
}
