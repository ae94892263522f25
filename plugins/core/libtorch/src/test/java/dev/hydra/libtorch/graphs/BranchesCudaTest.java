package dev.hydra.libtorch.graphs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.Kernel.Grid;
import dev.hydra.libtorch.kernels.KernelSet;
import dev.hydra.libtorch.kernels.KernelSource;
import dev.hydra.libtorch.kernels.Kernels;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.DeviceMemory;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

/** Parts of a forward that run beside each other, issued (the first two runs) and captured. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class BranchesCudaTest {
  private static final Device DEVICE = new Device("cuda:0");
  private static final Grid ONE = Grid.of(1, 1);

  private final List<String> warnings = new ArrayList<>();
  private final Tensor numbers = torch.zeros(2).to(DEVICE, ScalarType.Int);
  private final Tensor met = numbers.narrow(0, 0, 1);
  private final Tensor seen = numbers.narrow(0, 1, 1);
  private final Kernels kernels =
      KernelSet.of(
              KernelSource.of(KernelSet.class, "dependent_launch.cu", "test_dependent_launch.cu"))
          .usable(numbers, Map.of("OVERLAP", 0))
          .orElseThrow();

  private CapturedForward forward(UnaryOperator<Tensor> work) {
    return new CapturedForward(DEVICE, work, () -> true, warnings::add);
  }

  private static Tensor tokens(int first, int count) {
    long[] all = new long[count];
    for (int i = 0; i < count; i++) {
      all[i] = (first + 7L * i) % 64;
    }
    return Tensor.create(all).to(DEVICE, ScalarType.Long);
  }

  /** What one part sees of another, which comes after it where they are not beside each other. */
  private Tensor meeting(Tensor tokens) {
    numbers.zero_();
    List<Supplier<Tensor>> parts =
        Branches.beside(
            List.of(
                () -> {
                  kernels.get("early").launch(ONE, met, seen);
                  return seen.clone();
                },
                () -> {
                  kernels.get("late").launch(ONE, met);
                  return met.clone();
                }));
    Tensor first = parts.get(0).get();
    return Tensors.stack(0, first, parts.get(1).get());
  }

  @Test
  void partsRunBesideEachOther() {
    Tensor given = tokens(0, 4);
    assertThat(Tensors.integers(meeting(given).flatten().to(ScalarType.Long)))
        .as("not within a captured forward")
        .containsExactly(0, 1);
    try (CapturedForward forward = forward(this::meeting)) {
      for (int i = 0; i < 5; i++) {
        Tensor found = forward.run(given);
        assertThat(Tensors.integers(found.flatten().to(ScalarType.Long))).containsExactly(1, 1);
      }
      assertTrue(forward.captured());
    }
    assertEquals(List.of(), warnings);
  }

  /** What the first part makes late, the second reads: it has nothing else to wait for. */
  private Tensor publishing(Tensor tokens) {
    numbers.zero_();
    Tensor[] made = new Tensor[1];
    List<Supplier<Tensor>> parts =
        Branches.beside(
            List.of(
                () -> {
                  kernels.get("early").launch(ONE, met, seen); // a tenth of a second
                  made[0] = Tensors.mul(tokens, 3);
                  Branches.publish();
                  return made[0].add(tokens);
                },
                () -> made[0].sub(tokens)));
    Tensor first = parts.get(0).get();
    return Tensors.stack(0, first, parts.get(1).get());
  }

  @Test
  void whatIsPublishedIsSeenByPartsThatComeAfter() {
    try (CapturedForward forward = forward(this::publishing)) {
      for (int i = 0; i < 6; i++) {
        Tensor given = tokens(i, 1000);
        Tensor expected = Tensors.stack(0, Tensors.mul(given, 4), Tensors.mul(given, 2));
        assertTrue(forward.run(given).equal(expected), "run " + i);
      }
      assertTrue(forward.captured());
    }
    assertEquals(List.of(), warnings);
  }

  /** Blocks of three parts of different length, which free what they make at once. */
  private static final class Stack {
    private final Tensor rows = Samples.normal(64, 256).to(DEVICE, ScalarType.Float);
    private final Tensor weight =
        Tensors.mul(Samples.normal(256, 256), 0.1).to(DEVICE, ScalarType.Float);

    Tensor work(Tensor tokens) {
      return Scopes.keep(
          () -> {
            try (Grad off = Grad.off()) {
              Tensor x = rows.index_select(0, tokens);
              for (int i = 0; i < 8; i++) {
                Tensor input = x;
                x = Scopes.keep(() -> block(input));
              }
              return x;
            }
          });
    }

    private Tensor block(Tensor x) {
      Tensor input = Tensors.mul(x, 2); // freed when the block ends
      List<Supplier<Tensor>> parts = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        int maps = 2 + 3 * i;
        parts.add(() -> Scopes.keep(() -> part(input, maps)));
      }
      Tensor sum = x;
      for (Supplier<Tensor> each : Branches.beside(parts)) {
        sum = sum.add(each.get());
      }
      return sum.tanh();
    }

    private Tensor part(Tensor input, int maps) {
      Tensor y = input;
      for (int i = 0; i < maps; i++) {
        Tensor last = y;
        y = Scopes.keep(() -> Tensors.linear(last.tanh(), weight));
      }
      return y;
    }
  }

  @Test
  void theBitsAreThoseOfOneStream() {
    Stack stack = new Stack();
    try (CapturedForward forward = forward(stack::work)) {
      for (int count : new int[] {300, 5000}) {
        for (int i = 0; i < 30; i++) {
          int first = i;
          Scopes.run(
              () -> {
                Tensor given = tokens(first, count);
                Tensor expected = stack.work(given);
                assertTrue(forward.run(given).equal(expected), count + ", run " + first);
              });
        }
        assertTrue(forward.captured());
      }
    }
    assertEquals(List.of(), warnings);
  }

  /** A part in the middle needs the host. */
  private Tensor waiting(Tensor tokens) {
    List<Supplier<Tensor>> parts =
        Branches.beside(
            List.of(
                () -> Tensors.mul(tokens, 2),
                () -> Tensors.mul(tokens, Tensors.integers(tokens.sum())[0] % 3),
                () -> Tensors.mul(tokens, 5)));
    return parts.get(0).get().add(parts.get(1).get()).add(parts.get(2).get());
  }

  @Test
  void wherePartsCannotBeCapturedTheForwardIsIssued() {
    try (CapturedForward forward = forward(this::waiting)) {
      for (int i = 0; i < 6; i++) {
        Tensor given = tokens(i, 100);
        assertTrue(forward.run(given).equal(waiting(given)), "run " + i);
      }
    }
    assertEquals(1, warnings.size(), warnings.toString());
    assertThat(warnings.get(0)).contains("the host would wait");
    warnings.clear();
    theBitsAreThoseOfOneStream(); // on the streams of the capture that has failed
  }

  @Test
  @Tag("alone")
  void memoryAndHandlesAreGivenBack() {
    Stack stack = new Stack();
    Runnable round =
        () -> {
          try (CapturedForward forward = forward(stack::work)) {
            for (int i = 0; i < 4; i++) {
              Scopes.run(() -> forward.run(tokens(3, 100_000)));
            }
            assertTrue(forward.captured());
          }
        };
    round.run();
    long free = DeviceMemory.free();
    Handles.assertFreesItself(5, round);
    DeviceMemory.assertGivenBack(free);
  }
}
