package dev.hydra.libtorch.graphs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.CudaMemory;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

/** Work beside a stream, issued and captured. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class AsideCudaTest {
  private static final Device DEVICE = new Device("cuda:0");
  private static final Grid ONE = Grid.of(1, 1);
  private static final int COUNT = 1 << 20;

  private final Tensor numbers = torch.zeros(2).to(DEVICE, ScalarType.Int);
  private final Tensor met = numbers.narrow(0, 0, 1);
  private final Tensor seen = numbers.narrow(0, 1, 1);
  private final Kernels kernels =
      KernelSet.of(
              KernelSource.of(KernelSet.class, "dependent_launch.cu", "test_dependent_launch.cu"))
          .usable(numbers, Map.of("OVERLAP", 0))
          .orElseThrow();
  private final SideStream trunk = new SideStream(DEVICE);
  private final Aside aside = Aside.open(trunk, DEVICE).orElseThrow();

  @AfterEach
  void close() {
    aside.close();
    trunk.close();
  }

  private void onTrunk(Runnable work) {
    trunk.call(
        () -> {
          work.run();
          return true;
        });
  }

  /** Issues work, and then captures it and launches the graph; each time it is looked at. */
  private void issuedAndCaptured(Runnable work, Consumer<String> check) {
    onTrunk(work);
    check.accept("issued");
    onTrunk(
        () -> {
          GraphPool pool = new GraphPool(trunk);
          try (CudaGraph graph = CudaGraph.capture(trunk, pool, work)) {
            for (int i = 0; i < 3; i++) {
              graph.replay();
              check.accept("replay " + i);
            }
          } finally {
            pool.close();
          }
        });
  }

  /** A tenth of a second, unless somebody meets it. */
  private void delay() {
    kernels.get("early").launch(ONE, met, seen);
  }

  @Test
  void itIsFoundByTheStreamOnly() {
    assertEquals(Optional.empty(), Aside.of(numbers));
    onTrunk(
        () -> {
          assertEquals(Optional.of(aside), Aside.of(numbers));
          assertEquals(Optional.empty(), Aside.of(torch.zeros(2)), "of the CPU");
        });
  }

  @Test
  void workRunsBesideWhatTheTrunkIsGivenNext() {
    issuedAndCaptured(
        () -> {
          numbers.zero_();
          assertTrue(aside.run(to -> delay(), seen, met, (target, result) -> {}, met));
          kernels.get("late").launch(ONE, met);
          aside.join();
        },
        when -> assertThat(Tensors.integer(seen.to(ScalarType.Long))).as(when).isEqualTo(1));
  }

  /** The work begins late, when memory that the trunk has freed would be others' already. */
  @Test
  void whatIsReadStaysAsItIsAndWhatIsWrittenIsHandedOverAfterwards() {
    Tensor sums = Tensors.zeros(numbers, ScalarType.Float, 8);
    issuedAndCaptured(
        () -> {
          numbers.zero_();
          List<Integer> order = new ArrayList<>();
          for (int i = 0; i < 8; i++) {
            int number = i;
            Scopes.run(
                () -> {
                  Tensor read = filled(number + 1);
                  Tensor result = Tensors.empty(read, ScalarType.Float, COUNT);
                  assertTrue(
                      aside.run(
                          to -> {
                            if (number == 0) {
                              delay();
                            }
                            to.copy_(read);
                          },
                          result,
                          sums.narrow(0, number, 1),
                          (target, of) -> {
                            order.add(number);
                            target.copy_(of.mean().view(1));
                          },
                          read));
                });
            Scopes.run(() -> filled(-1)); // in the place of what is not kept
          }
          Scopes.run(
              () -> {
                for (int i = 0; i < 32; i++) {
                  filled(-2);
                }
              });
          aside.join();
          assertThat(order).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
        },
        when -> {
          assertThat(Tensors.numbers(sums)).as(when).containsExactly(1, 2, 3, 4, 5, 6, 7, 8);
          sums.zero_();
        });
  }

  private Tensor filled(double value) {
    Tensor tensor = Tensors.empty(numbers, ScalarType.Float, COUNT);
    try (Scalar scalar = new Scalar(value)) {
      return tensor.fill_(scalar);
    }
  }

  @Test
  void whatIsKeptHasALimit() {
    long part = Aside.MOST_BYTES / 8;
    onTrunk(
        () -> {
          Tensor small = Tensors.zeros(numbers, ScalarType.Byte, 1);
          Tensor large = Tensors.empty(numbers, ScalarType.Byte, Aside.MOST_BYTES);
          assertFalse(aside.run(to -> {}, small, small, (target, result) -> {}, large));
          large.close();
          CudaMemory.reset(DEVICE);
          long before = CudaMemory.peak(DEVICE);
          int[] over = new int[1];
          for (int i = 0; i < 24; i++) {
            Scopes.run(
                () -> {
                  Tensor read = Tensors.zeros(numbers, ScalarType.Byte, part - 1);
                  aside.run(
                      to -> to.copy_(read.narrow(0, 0, 1)),
                      small,
                      small,
                      (target, result) -> over[0]++,
                      read);
                });
          }
          assertEquals(16, over[0], "handed over, the oldest first");
          aside.join();
          assertEquals(24, over[0]);
          assertThat(CudaMemory.peak(DEVICE) - before).isLessThanOrEqualTo(Aside.MOST_BYTES + part);
        });
  }

  @Test
  void whereItIsLeftNothingIsHandedOver() {
    int[] over = new int[1];
    Runnable failing =
        () -> {
          aside.run(Tensor::zero_, seen, met, (target, result) -> over[0]++, met);
          IllegalStateException failure = new IllegalStateException("on purpose");
          aside.leave(failure);
          assertEquals(0, failure.getSuppressed().length);
        };
    Handles.assertFlat(
        20,
        () ->
            onTrunk(
                () -> {
                  failing.run();
                  GraphPool pool = new GraphPool(trunk);
                  CudaGraph.capture(trunk, pool, failing).close();
                  pool.close();
                }));
    workRunsBesideWhatTheTrunkIsGivenNext();
    assertEquals(0, over[0]);
  }
}
