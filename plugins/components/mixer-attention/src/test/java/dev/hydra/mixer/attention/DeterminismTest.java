package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Determinism;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Gradients on CUDA have the same bits each time where that is wanted. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class DeterminismTest {
  private static final int RUNS = 8;
  private static final double SCALE = 0.125;
  private static final long TIME = 1500;

  /** Queries meet keys of many blocks of the kernels. */
  @ParameterizedTest
  @CsvSource({"BFloat16, 700", "BFloat16, 2147483647", "Float, 700", "Float, 2147483647"})
  void theSameEachTime(ScalarType type, int window) {
    Qkv x = inputs(type);
    Tensor dy = random(type, 4);
    try (Determinism.Setting on = Determinism.ON.set()) {
      List<Tensor> first = gradients(x, window, dy);
      for (int run = 1; run < RUNS; run++) {
        List<Tensor> again = gradients(x, window, dy);
        for (int i = 0; i < first.size(); i++) {
          assertTrue(first.get(i).equal(again.get(i)), "run " + run + ", gradient " + i);
        }
      }
    }
  }

  /** The ordered backward computes what the other does. */
  @ParameterizedTest
  @CsvSource({"BFloat16, .02", "Float, 1e-4"})
  void theSameAsWithout(ScalarType type, double tolerance) {
    Qkv x = inputs(type);
    Tensor dy = random(type, 4);
    List<Tensor> plain = gradients(x, Integer.MAX_VALUE, dy);
    try (Determinism.Setting on = Determinism.ON.set()) {
      List<Tensor> ordered = gradients(x, Integer.MAX_VALUE, dy);
      for (int i = 0; i < plain.size(); i++) {
        Tensor expected = plain.get(i).to(ScalarType.Float);
        double off =
            expected.sub(ordered.get(i).to(ScalarType.Float)).norm().item_double()
                / expected.norm().item_double();
        assertTrue(off < tolerance, "gradient " + i + " is off by " + off);
      }
    }
  }

  /** LibTorch calls the backward of its own fused attention by itself, without the switch. */
  @Test
  void fullAttentionIsNotLibTorchsWhereOrderIsWanted() {
    Tensor q = random(ScalarType.BFloat16, 4);
    assertFalse(Attention.isUnordered(q));
    try (Determinism.Setting on = Determinism.ON.set()) {
      assertTrue(Attention.isUnordered(q));
      assertFalse(Attention.isUnordered(q.cpu()));
    }
  }

  @Test
  void theSwitchOfLibTorchIsOffAfterwards() {
    try (Determinism.Setting on = Determinism.ON.set()) {
      gradients(inputs(ScalarType.BFloat16), 700, random(ScalarType.BFloat16, 4));
      assertFalse(torch.globalContext().deterministicAlgorithms());
    }
  }

  private static Tensor random(ScalarType type, long heads) {
    return torch.randn(2, TIME, heads, 64).to(new Device("cuda:0"), type);
  }

  private static Qkv inputs(ScalarType type) {
    return new Qkv(random(type, 4), random(type, 2), random(type, 2));
  }

  private static Tensor leaf(Tensor tensor) {
    return tensor.clone().detach().set_requires_grad(true);
  }

  private static List<Tensor> gradients(Qkv given, int window, Tensor dy) {
    Qkv x = new Qkv(leaf(given.q()), leaf(given.k()), leaf(given.v()));
    SparsePattern pattern = SparsePattern.local(window);
    Tensor y = MergedAttentionTest.attend(x, pattern, SCALE, Optional.empty(), Optional.empty());
    Backward.run(y.mul(dy).sum());
    return List.of(x.q().grad().clone(), x.k().grad().clone(), x.v().grad().clone());
  }
}
