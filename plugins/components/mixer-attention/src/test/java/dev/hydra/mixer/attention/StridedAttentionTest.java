package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The path for CUDA against the plain one in float64, from bfloat16 inputs. */
@ExtendWith(InScope.class)
class StridedAttentionTest {
  private static final double SCALE = 0.3;
  private static final double TOLERANCE = 0.02;

  /** Query and keys say where they stand, and the keys of a block are those of the pattern. */
  @ParameterizedTest
  @CsvSource({"8, 4, 30", "8, 8, 24", "6, 1, 11", "4, 4, 5"})
  void theLayoutMakesStridedPositionsAWindow(int window, int every, int time) {
    SparsePattern pattern = new SparsePattern(window, every, 2);
    StridedLayout layout = StridedLayout.of(pattern, time);
    Tensor positions = torch.arange(new Scalar(1.0 + time));
    Tensor rows = Tensors.slice(positions, 0, 1, time + 1).view(1, time, 1, 1);
    Tensor both = Tensors.cat(0, rows, Tensors.add(rows, 1000));
    Qkv cut = layout.cut(new Qkv(both, both, both));
    assertEquals(2L * every, cut.q().size(0));
    for (int t = window; t < time; t++) {
      int place = t % every;
      long block = pattern.newest(t);
      for (int row = 0; row < 2; row++) {
        Tensor own = cut.q().select(0, row * every + place);
        assertEquals(t + 1 + 1000 * row, own.select(0, block).item_double());
        Tensor keys = cut.k().select(0, row * every + place);
        for (long m = 0; m <= block; m++) {
          assertEquals(m * every + 1 + 1000.0 * row, keys.select(0, m).item_double());
        }
      }
    }
    Tensor keys = Tensors.zeros(both, 2, time, 1, 1);
    layout.add(keys, torch.ones_like(cut.k()));
    assertEquals(2.0 * every * layout.blocks(), keys.sum().item_double());
    assertEquals(every, keys.select(1, 0).select(0, 1).item_double());
  }

  @ParameterizedTest
  @CsvSource({
    // window, every, globals, time, heads, kvHeads, headDim
    "256, 64, 64, 2000, 6, 6, 64",
    "64, 16, 8, 900, 6, 2, 64",
    "128, 64, 0, 700, 4, 4, 32",
    "32, 32, 3, 1024, 2, 1, 96",
    "7, 1, 5, 50, 4, 4, 8",
    "128, 128, 64, 1300, 2, 2, 256"
  })
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void agreesWithThePlainPath(
      int window, int every, int globals, int time, int heads, int kvHeads, int headDim) {
    SparsePattern pattern = new SparsePattern(window, every, globals);
    Qkv given = Formula.inputs(2, time, time, heads, kvHeads, headDim);
    Qkv fused = copy(given, ScalarType.BFloat16);
    Qkv exact = copy(fused, ScalarType.Double);
    Tensor expected =
        MergedAttentionTest.attend(exact, pattern, SCALE, Optional.empty(), Optional.empty());
    Tensor direction =
        Trial.random(4, Tensors.sizes(expected)).to(expected.device(), ScalarType.BFloat16);
    Tensor actual = fused(fused, pattern);
    near("result", expected, actual);
    Backward.run(actual.mul(direction).sum());
    Backward.run(expected.mul(direction).sum());
    near("gradient of q", exact.q().grad(), fused.q().grad());
    near("gradient of k", exact.k().grad(), fused.k().grad());
    near("gradient of v", exact.v().grad(), fused.v().grad());

    // FlashAttention adds up the gradient of q in no fixed order, unless LibTorch is told to.
    Qkv again = copy(given, ScalarType.BFloat16);
    Tensor repeated = fused(again, pattern);
    assertTrue(repeated.equal(actual), "the result changed");
    Backward.run(repeated.mul(direction).sum());
    assertTrue(again.k().grad().equal(fused.k().grad()), "the gradient of k changed");
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void leavesTheRestToOthers() {
    SparsePattern pattern = new SparsePattern(16, 8, 4);
    Qkv x = copy(Formula.inputs(1, 40, 40, 2, 2, 16), ScalarType.BFloat16);
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      assertTrue(of(pattern, x, 0, Optional.empty()).isPresent());
      assertTrue(of(pattern, x, 8, Optional.empty()).isEmpty());
      assertTrue(of(pattern, x, 0, Optional.of(x.q())).isEmpty());
      assertTrue(of(new SparsePattern(16, 5, 4), x, 0, Optional.empty()).isEmpty());
      assertTrue(of(SparsePattern.local(16), x, 0, Optional.empty()).isEmpty());
      assertTrue(of(new SparsePattern(40, 8, 4), x, 0, Optional.empty()).isEmpty());
      assertTrue(of(pattern, copy(x, ScalarType.Float), 0, Optional.empty()).isEmpty());
    }
  }

  private static Optional<StridedAttention> of(
      SparsePattern pattern, Qkv x, long before, Optional<Tensor> starts) {
    DenseAttention dense = new DenseAttention(SCALE, Optional.empty());
    return StridedAttention.of(dense, pattern, x, before, starts);
  }

  private static Tensor fused(Qkv x, SparsePattern pattern) {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      return of(pattern, x, 0, Optional.empty()).orElseThrow().run(x);
    }
  }

  private static Qkv copy(Qkv x, ScalarType type) {
    return new Qkv(moved(x.q(), type), moved(x.k(), type), moved(x.v(), type));
  }

  private static Tensor moved(Tensor tensor, ScalarType type) {
    return tensor.detach().to(new Device("cuda"), type).clone().set_requires_grad(true);
  }

  private static void near(String what, Tensor expected, Tensor actual) {
    double norm = Tensors.number(expected.norm());
    double error = Tensors.number(actual.to(ScalarType.Double).sub(expected).norm()) / norm;
    assertTrue(error <= TOLERANCE, what + " is off by " + error + " of the norm");
  }
}
