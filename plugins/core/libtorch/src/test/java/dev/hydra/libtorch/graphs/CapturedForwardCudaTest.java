package dev.hydra.libtorch.graphs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.DeviceMemory;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class CapturedForwardCudaTest {
  private static final Device DEVICE = new Device("cuda:0");

  private final Tensor weight = Samples.normal(64, 64).to(DEVICE, ScalarType.Float);
  private final List<String> warnings = new ArrayList<>();
  private int issued;
  private boolean wanted = true;

  private Tensor work(Tensor tokens) {
    issued++;
    try (Grad off = Grad.off()) {
      return Tensors.linear(weight.index_select(0, tokens.flatten()), weight).sum();
    }
  }

  /** What only the host knows of the tokens. */
  private Tensor waiting(Tensor tokens) {
    issued++;
    return tokens.mul(tokens.select(0, Tensors.integers(tokens.sum())[0] % 2));
  }

  private CapturedForward forward() {
    return new CapturedForward(DEVICE, this::work, () -> wanted, warnings::add);
  }

  private static Tensor tokens(int first, int count) {
    long[] all = new long[2 * count];
    for (int i = 0; i < all.length; i++) {
      all[i] = (first + 7L * i) % 64;
    }
    return Tensor.create(all, 2, count);
  }

  private void check(CapturedForward forward, int first, int count) {
    Scopes.run(
        () -> {
          Tensor given = tokens(first, count);
          double found = Tensors.number(forward.run(given));
          int before = issued;
          assertEquals(Tensors.number(work(given.to(DEVICE, ScalarType.Long))), found);
          issued = before;
        });
  }

  @Test
  void theThirdRunOfAShapeIsCapturedAndTheNextOnesAreReplayed() {
    try (CapturedForward forward = forward()) {
      for (int i = 0; i < 8; i++) {
        check(forward, i, 5);
        assertEquals(Math.min(i + 1, 3), issued, "times that the host issued it");
        assertEquals(i >= 2, forward.captured());
      }
      check(forward, 3, 4);
      assertFalse(forward.captured(), "another shape");
      for (int i = 0; i < 4; i++) {
        check(forward, i, 5);
      }
      assertTrue(forward.captured());
      wanted = false;
      check(forward, 1, 5);
      assertFalse(forward.captured(), "not wanted any more");
    }
    assertEquals(List.of(), warnings);
  }

  @Test
  void afterAChangeItIsIssuedUntilItIsCapturedAgain() {
    try (CapturedForward forward = forward()) {
      for (int i = 0; i < 4; i++) {
        check(forward, i, 5);
      }
      forward.changed();
      weight.set_data(Tensors.mul(weight, 2).detach()); // lies elsewhere now
      for (int i = 0; i < 4; i++) {
        check(forward, i, 5);
      }
      assertEquals(6, issued);
      assertTrue(forward.captured());
    }
  }

  @Test
  void whatWaitsForTheDeviceIsIssuedAndThatIsSaidOnce() {
    try (CapturedForward forward =
        new CapturedForward(DEVICE, this::waiting, () -> true, warnings::add)) {
      for (int i = 0; i < 6; i++) {
        for (int count : new int[] {4, 5}) {
          for (int j = 0; j < 3; j++) {
            Tensor given = tokens(i, count);
            assertTrue(forward.run(given).cpu().equal(waiting(given)));
          }
        }
      }
      assertFalse(forward.captured());
    }
    assertEquals(1, warnings.size(), warnings.toString());
    assertThat(warnings.get(0)).contains("the host would wait", "trainer.graph = off");
  }

  @Test
  @Tag("alone")
  void memoryAndHandlesAreGivenBack() {
    Runnable round =
        () -> {
          try (CapturedForward forward = forward()) {
            for (int i = 0; i < 4; i++) {
              check(forward, i, 1 << 18); // some 256 MiB a run
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
