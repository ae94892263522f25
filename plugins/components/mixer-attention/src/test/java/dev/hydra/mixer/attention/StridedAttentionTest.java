package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Arrays;
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
    compare(pattern, Formula.inputs(2, time, time, heads, kvHeads, headDim), Optional.empty());
  }

  /** Documents of all kinds of lengths in one row, one of the whole row, and two in a third. */
  @ParameterizedTest
  @CsvSource({
    // window, every, globals, time, heads, kvHeads, headDim
    "256, 64, 64, 2000, 6, 6, 64",
    "64, 16, 8, 901, 6, 2, 64",
    "63, 1, 90, 700, 4, 4, 64",
    "128, 64, 0, 1001, 4, 4, 128",
    "64, 200, 3, 1501, 2, 1, 64",
    "100, 48, 5, 1177, 4, 2, 128",
    "128, 128, 64, 1700, 2, 2, 128",
    "64, 2, 40, 6007, 2, 1, 64"
  })
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void documentsAgreeWithThePlainPath(
      int window, int every, int globals, int time, int heads, int kvHeads, int headDim) {
    SparsePattern pattern = new SparsePattern(window, every, globals);
    Tensor starts =
        Tensors.stack(
            0,
            starts(time, 1, window - 1, window, 1, window + 1, 2, window + 2 * every + 5),
            starts(time, time),
            starts(time, time - window - 3));
    compare(pattern, Formula.inputs(3, time, time, heads, kvHeads, headDim), Optional.of(starts));
  }

  /** A single document and none are the same, to the last bit. */
  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void oneDocumentIsAsNone() {
    SparsePattern pattern = new SparsePattern(64, 16, 8);
    Qkv given = Formula.inputs(2, 700, 700, 4, 2, 64); // all keys in one tile, so sums are the same
    Qkv one = copy(given, ScalarType.BFloat16);
    Qkv none = copy(given, ScalarType.BFloat16);
    Tensor starts = cuda(Tensors.stack(0, starts(700, 700), starts(700, 700)));
    assumeTrue(hasWindow(pattern, one), "elsewhere PatternAttention does it with documents");
    Tensor expected = fused(none, pattern, Optional.empty());
    Tensor actual = fused(one, pattern, Optional.of(starts));
    assertTrue(expected.equal(actual), "result");
    Backward.run(expected.square().sum());
    Backward.run(actual.square().sum());
    assertTrue(none.q().grad().equal(one.q().grad()), "gradient of q");
    assertTrue(none.k().grad().equal(one.k().grad()), "gradient of k");
    assertTrue(none.v().grad().equal(one.v().grad()), "gradient of v");
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
    assertTrue(
        fused(apart, pattern, Optional.empty()).equal(fused(parts, pattern, Optional.empty())));
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void leavesTheRestToOthers() {
    SparsePattern pattern = new SparsePattern(16, 8, 4);
    Qkv x = copy(Formula.inputs(1, 80, 80, 2, 2, 16), ScalarType.BFloat16);
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      assertTrue(of(pattern, x, 0, Optional.empty()).isPresent());
      assertTrue(of(pattern, x, 8, Optional.empty()).isEmpty());
      Optional<Tensor> starts = Optional.of(cuda(starts(80, 80).unsqueeze(0)));
      assertTrue(of(pattern, x, 0, starts).isEmpty());
      assertTrue(of(new SparsePattern(63, 8, 4), x, 0, starts).isEmpty());
      Qkv wide = copy(Formula.inputs(1, 80, 80, 2, 2, 64), ScalarType.BFloat16);
      assertTrue(of(new SparsePattern(62, 8, 4), wide, 0, starts).isEmpty());
      SparsePattern least = new SparsePattern(63, 8, 4);
      assertEquals(hasWindow(least, wide), of(least, wide, 0, starts).isPresent());
      assertTrue(of(SparsePattern.local(16), x, 0, Optional.empty()).isEmpty());
      assertTrue(of(new SparsePattern(80, 8, 4), x, 0, Optional.empty()).isEmpty());
      assertTrue(of(pattern, copy(x, ScalarType.Float), 0, Optional.empty()).isEmpty());
      Qkv small = copy(Formula.inputs(1, 80, 80, 2, 2, 24), ScalarType.BFloat16);
      assertTrue(of(pattern, small, 0, Optional.empty()).isEmpty());
    }
  }

  private static Optional<StridedAttention> of(
      SparsePattern pattern, Qkv x, long before, Optional<Tensor> starts) {
    DenseAttention dense = new DenseAttention(SCALE, Optional.empty());
    return StridedAttention.of(dense, pattern, x, before, starts);
  }

  /** Whether there are kernels for windows of documents. */
  private static boolean hasWindow(SparsePattern pattern, Qkv x) {
    DenseAttention dense = new DenseAttention(SCALE, Optional.empty());
    return WindowKernels.of(dense, pattern.window(), x).isPresent();
  }

  private static void compare(SparsePattern pattern, Qkv given, Optional<Tensor> documents) {
    Optional<Tensor> starts = documents.map(StridedAttentionTest::cuda);
    Qkv fused = copy(given, ScalarType.BFloat16);
    assumeTrue(
        starts.isEmpty() || hasWindow(pattern, fused),
        "elsewhere PatternAttention does it with documents");
    Qkv exact = copy(fused, ScalarType.Double);
    Tensor expected = MergedAttentionTest.attend(exact, pattern, SCALE, Optional.empty(), starts);
    Tensor direction =
        Trial.random(4, Tensors.sizes(expected)).to(expected.device(), ScalarType.BFloat16);
    Tensor actual = fused(fused, pattern, starts);
    near("result", expected, actual);
    Backward.run(actual.mul(direction).sum());
    Backward.run(expected.mul(direction).sum());
    near("gradient of q", exact.q().grad(), fused.q().grad());
    near("gradient of k", exact.k().grad(), fused.k().grad());
    near("gradient of v", exact.v().grad(), fused.v().grad());

    // FlashAttention adds up the gradient of q in no fixed order, unless LibTorch is told to.
    Qkv again = copy(given, ScalarType.BFloat16);
    Tensor repeated = fused(again, pattern, starts);
    assertTrue(repeated.equal(actual), "the result changed");
    Backward.run(repeated.mul(direction).sum());
    assertTrue(again.k().grad().equal(fused.k().grad()), "the gradient of k changed");
    assertTrue(again.v().grad().equal(fused.v().grad()), "the gradient of v changed");
  }

  /** Documents of such lengths after each other, int64 [time]; a last one fills up. */
  static Tensor starts(int time, int... lengths) {
    long[] starts = new long[time];
    int begin = 0;
    for (int length : lengths) {
      int end = Math.min(time, begin + length);
      Arrays.fill(starts, begin, end, begin);
      begin = end;
    }
    Arrays.fill(starts, begin, time, begin);
    return Tensor.create(starts);
  }

  static Tensor cuda(Tensor starts) {
    return starts.to(new Device("cuda"), ScalarType.Long);
  }

  private static Tensor fused(Qkv x, SparsePattern pattern, Optional<Tensor> starts) {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      return of(pattern, x, 0, starts).orElseThrow().run(x, starts);
    }
  }

  static Qkv copy(Qkv x, ScalarType type) {
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
