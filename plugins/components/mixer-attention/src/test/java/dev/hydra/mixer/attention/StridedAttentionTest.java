package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The path for CUDA against the plain one in float64, from bfloat16 inputs. */
@ExtendWith(InScope.class)
class StridedAttentionTest {
  private static final double SCALE = 0.3;
  private static final double TOLERANCE = 0.02;

  /** Every query that sees a key is in a task of its tile, and there are not many tasks. */
  @ParameterizedTest
  @CsvSource({
    // window, every, globals, time, sequences
    "256, 64, 64, 8192, 12",
    "1024, 128, 64, 8192, 32",
    "1024, 128, 64, 131072, 32",
    "64, 16, 8, 3000, 6",
    "7, 1, 5, 400, 4",
    "128, 64, 0, 700, 4",
    "16, 5, 100, 2001, 500"
  })
  void tasksHaveAllWhoSeeTheirKeys(int window, int every, int globals, int time, int sequences) {
    SparsePattern pattern = new SparsePattern(window, every, globals);
    StridedKernels.Tasks tasks = StridedKernels.Tasks.of(pattern, time, sequences);
    int tiles = (tasks.keys() + 63) / 64;
    assertTrue(tasks.count() * sequences <= 1024 || tasks.span() == 256 || tasks.ofFirst() == 1);
    for (int t = window; t < time; t++) {
      long newest = pattern.newest(t);
      assertTrue(globals == 0 || newest < tasks.keys());
      assertTrue((t - window) / tasks.span() < tasks.ofFirst());
      for (int tile = 1; tile < tiles; tile++) {
        boolean sees = newest >= tile * 64L && newest - globals < tile * 64L + 63;
        long place = t - window - tile * 64L * every;
        assertTrue(!sees || (place >= 0 && place / tasks.span() < tasks.ofOther()), "query " + t);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    // window, every, globals, time, heads, kvHeads, headDim
    "256, 64, 64, 2000, 6, 6, 64",
    "64, 16, 8, 900, 6, 2, 64",
    "128, 64, 0, 700, 4, 4, 32",
    "32, 32, 3, 1024, 2, 1, 96",
    "7, 1, 90, 400, 4, 4, 16",
    "128, 128, 64, 1300, 2, 2, 128",
    "100, 48, 5, 777, 4, 2, 80",
    "64, 16, 64, 65, 1, 1, 64"
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

  /** Parts of one projection, whose rows are apart and begin where 16 bytes may not be read. */
  @ParameterizedTest
  @ValueSource(ints = {0, 8, 3})
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void readsPartsOfAProjection(int before) {
    SparsePattern pattern = new SparsePattern(64, 16, 8);
    Tensor whole =
        Trial.random(5, 2, 300, before + 8 * 32).to(new Device("cuda"), ScalarType.BFloat16);
    Qkv parts =
        new Qkv(
            whole.narrow(2, before, 4 * 32).unflatten(2, 4, 32),
            whole.narrow(2, before + 4 * 32, 2 * 32).unflatten(2, 2, 32),
            whole.narrow(2, before + 6 * 32, 2 * 32).unflatten(2, 2, 32));
    Qkv apart = copy(parts, ScalarType.BFloat16);
    assertTrue(fused(apart, pattern).equal(fused(parts, pattern)));
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
      assertTrue(of(SparsePattern.local(16), x, 0, Optional.empty()).isEmpty());
      assertTrue(of(new SparsePattern(40, 8, 4), x, 0, Optional.empty()).isEmpty());
      assertTrue(of(pattern, copy(x, ScalarType.Float), 0, Optional.empty()).isEmpty());
      Qkv small = copy(Formula.inputs(1, 40, 40, 2, 2, 24), ScalarType.BFloat16);
      assertTrue(of(pattern, small, 0, Optional.empty()).isEmpty());
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
