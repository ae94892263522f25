package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The CUDA kernels for windows against their plain twin and the formula, from bfloat16 inputs. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FlashAttentionTest {
  private static final double SCALE = 0.3;

  /** bfloat16 keeps 8 bits; the kernels round probabilities and results. */
  private static final double TOLERANCE = 0.02;

  private KernelMode.Setting plain = () -> {};

  /** Else Hopper has kernels of this project. */
  @BeforeEach
  void setUp() {
    plain = KernelMode.PLAIN.set();
  }

  @AfterEach
  void tearDown() {
    plain.close();
  }

  private static Tensor moved(Tensor tensor, ScalarType type) {
    return tensor.detach().to(new Device("cuda"), type).set_requires_grad(true);
  }

  private static Qkv inputs(int time, int keys, int heads, int kvHeads, int headDim) {
    Qkv x = Formula.inputs(2, time, keys, heads, kvHeads, headDim);
    return new Qkv(
        moved(x.q(), ScalarType.BFloat16),
        moved(x.k(), ScalarType.BFloat16),
        moved(x.v(), ScalarType.BFloat16));
  }

  private static Qkv copy(Qkv x, ScalarType type) {
    return new Qkv(moved(x.q(), type), moved(x.k(), type), moved(x.v(), type));
  }

  @ParameterizedTest
  @CsvSource({
    "64, 300, 0, 4, 4, 32",
    "64, 300, 0, 6, 2, 64",
    "1, 130, 0, 4, 2, 64",
    "200, 513, 77, 8, 2, 128",
    "300, 700, 299, 4, 1, 96",
    "17, 1000, 16, 2, 2, 8",
    "1000, 500, 100, 4, 4, 256"
  })
  void windowsEqualThePlainTwin(
      int window, int time, int before, int heads, int kvHeads, int headDim) {
    try (PointerScope scope = new PointerScope()) {
      Qkv fused = inputs(time, before + time, heads, kvHeads, headDim);
      assertInstanceOf(
          FlashAttention.class, LocalAttention.of(dense(), window, fused, Optional.empty()));
      compare(SparsePattern.local(window), fused);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "64, 16, 8, 900, 0, 6, 2, 64",
    "128, 64, 64, 2048, 0, 4, 4, 64",
    "40, 7, 5, 301, 44, 4, 2, 128",
    "1, 1, 3, 150, 0, 4, 4, 32"
  })
  void windowsMergedWithGlobalsEqualThePlainTwin(
      int window,
      int every,
      int globals,
      int time,
      int before,
      int heads,
      int kvHeads,
      int headDim) {
    try (PointerScope scope = new PointerScope()) {
      compare(
          new SparsePattern(window, every, globals),
          inputs(time, before + time, heads, kvHeads, headDim));
    }
  }

  /** The normalisers too: merging needs them. */
  @Test
  void normalisersEqualThePlainTwin() {
    try (PointerScope scope = new PointerScope()) {
      Qkv x = inputs(300, 350, 6, 2, 64);
      Tensor fused = new FlashAttention(SCALE, 64).forward(x, Optional.empty()).lse();
      Tensor plain = new BlockedAttention(dense(), 64).forward(x, Optional.empty()).lse();
      assertTrue(fused.allclose(plain, 0, 1e-3, false));
    }
  }

  @Test
  void takesWhatTheKernelsTake() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.zeros(1, 2, 2, 64).to(new Device("cuda"), ScalarType.BFloat16);
      assertTrue(FlashAttention.takes(x));
      assertTrue(FlashAttention.takes(x.to(ScalarType.Half)));
      assertFalse(FlashAttention.takes(x.to(ScalarType.Float)));
      assertFalse(FlashAttention.takes(x.cpu()));
      assertFalse(FlashAttention.takes(Tensors.slice(x, 3, 0, 63)));
      assertFalse(FlashAttention.takes(x.repeat(1, 1, 1, 5)));
    }
  }

  @Test
  void leavesNoHandles() {
    Runnable step =
        () -> {
          Tensor y = attend(inputs(200, 200, 4, 2, 64), new SparsePattern(32, 8, 4));
          Backward.run(y.sum());
        };
    Handles.assertFlat(10, step);
  }

  /** The kernels' path, and the plain one in float64 from the same numbers. */
  private static void compare(SparsePattern pattern, Qkv fused) {
    Qkv plain = copy(fused, ScalarType.Double);
    Tensor one = attend(fused, pattern);
    Tensor two = attend(plain, pattern);
    Tensor direction = Trial.random(4, Tensors.sizes(two)).to(two.device(), ScalarType.BFloat16);
    double scale = Tensors.number(direction.norm());
    near("result", two, one, scale);
    Backward.run(one.mul(direction).sum());
    Backward.run(two.mul(direction).sum());
    near("gradient of q", plain.q().grad(), fused.q().grad(), scale);
    near("gradient of k", plain.k().grad(), fused.k().grad(), scale);
    near("gradient of v", plain.v().grad(), fused.v().grad(), scale);
  }

  /** Relative to the expected norm, or to {@code scale}: q has no gradient if it sees one key. */
  private static void near(String what, Tensor expected, Tensor actual, double scale) {
    Tensor difference = actual.to(ScalarType.Double).sub(expected);
    double norm = Tensors.number(expected.norm());
    double error = Tensors.number(difference.norm()) / (norm < 1e-6 * scale ? scale : norm);
    assertTrue(error <= TOLERANCE, what + " is off by " + error + " of the norm");
  }

  private static DenseAttention dense() {
    return new DenseAttention(SCALE, Optional.empty());
  }

  private static Tensor attend(Qkv x, SparsePattern pattern) {
    return MergedAttentionTest.attend(x, pattern, SCALE, Optional.empty(), Optional.empty());
  }
}
