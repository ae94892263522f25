package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernels for all sizes of heads, against the plain path in float64 from the same inputs. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class PatternAttentionTest {
  private static final double SCALE = 0.3;
  private static final int ALL = Integer.MAX_VALUE;

  private KernelMode.Setting fused = () -> {};

  @BeforeEach
  void setUp() {
    fused = KernelMode.FUSED.set();
  }

  @AfterEach
  void tearDown() {
    fused.close();
  }

  static Stream<Arguments> sizes() {
    return Stream.of(ScalarType.BFloat16, ScalarType.Float)
        .flatMap(
            type ->
                IntStream.of(16, 32, 64, 96, 128, 256)
                    .boxed()
                    .flatMap(
                        headDim ->
                            IntStream.of(7, 33, 64, 129)
                                .mapToObj(window -> Arguments.of(type, headDim, window))));
  }

  @ParameterizedTest
  @MethodSource("sizes")
  void agreesWithThePlainPath(ScalarType type, int headDim, int window) {
    compare(
        type,
        new SparsePattern(window, 5, 20),
        Formula.inputs(2, 333, 333, 4, 2, headDim),
        Optional.empty());
  }

  @ParameterizedTest
  @MethodSource("sizes")
  void documentsAgreeWithThePlainPath(ScalarType type, int headDim, int window) {
    int time = 435;
    compare(
        type,
        new SparsePattern(window, 5, 20),
        Formula.inputs(3, time, time, 4, 2, headDim),
        Optional.of(documents(time, window)));
  }

  /** Sizes of heads that do not fill a tile, and patterns at their bounds. */
  @ParameterizedTest
  @CsvSource({
    // window, every, globals, time, heads, kvHeads, headDim
    "1, 1, 3, 150, 2, 2, 32",
    "3, 2, 300, 901, 1, 1, 32",
    "5, 1, 200, 400, 3, 1, 8",
    "20, 200, 0, 333, 2, 2, 24",
    "33, 1, 90, 400, 4, 4, 40",
    "31, 7, 4, 257, 2, 1, 112",
    "64, 16, 64, 65, 1, 1, 48",
    "64, 2, 40, 6007, 2, 1, 32",
    "100, 48, 5, 777, 4, 2, 144",
    "40, 9, 5, 300, 2, 1, 200"
  })
  void boundsAgreeWithThePlainPath(
      int window, int every, int globals, int time, int heads, int kvHeads, int headDim) {
    SparsePattern pattern = new SparsePattern(window, every, globals);
    Qkv given = Formula.inputs(3, time, time, heads, kvHeads, headDim);
    for (ScalarType type : new ScalarType[] {ScalarType.BFloat16, ScalarType.Float}) {
      compare(type, pattern, given, Optional.empty());
      compare(type, pattern, given, Optional.of(documents(time, window)));
    }
  }

  /** Without globals, in float32 and with documents in bfloat16. */
  @ParameterizedTest
  @ValueSource(ints = {1, 7, 100, ALL})
  void windowsAloneAgreeWithThePlainPath(int window) {
    SparsePattern pattern = SparsePattern.local(window);
    Qkv given = Formula.inputs(3, 301, 301, 6, 2, 32);
    Optional<Tensor> documents = Optional.of(documents(301, 40));
    compare(ScalarType.Float, pattern, given, Optional.empty());
    compare(ScalarType.Float, pattern, given, documents);
    compare(ScalarType.BFloat16, pattern, given, documents);
  }

  /** Scores of some hundred times the usual size: the running maximum grows on the way. */
  @Test
  void largeScoresStayExact() {
    Qkv x = Formula.inputs(1, 900, 900, 2, 2, 32);
    Tensor growing = Tensors.mul(torch.arange(new Scalar(900)).to(ScalarType.Double), 0.02);
    Qkv large = new Qkv(Tensors.mul(x.q(), 4), x.k().mul(growing.view(1, -1, 1, 1)), x.v());
    compare(ScalarType.BFloat16, new SparsePattern(64, 4, 90), large, Optional.empty());
  }

  /** Parts of one projection, whose rows are apart and begin where 16 bytes may not be read. */
  @ParameterizedTest
  @ValueSource(ints = {0, 8, 3})
  void readsPartsOfAProjection(int before) {
    SparsePattern pattern = new SparsePattern(20, 4, 8);
    Tensor whole =
        Trial.random(5, 2, 300, before + 8 * 32).to(new Device("cuda"), ScalarType.Float);
    Qkv parts =
        new Qkv(
            whole.narrow(2, before, 4 * 32).unflatten(2, 4, 32),
            whole.narrow(2, before + 4 * 32, 2 * 32).unflatten(2, 2, 32),
            whole.narrow(2, before + 6 * 32, 2 * 32).unflatten(2, 2, 32));
    Qkv apart = StridedAttentionTest.copy(parts, ScalarType.Float);
    assertTrue(
        attend(apart, pattern, Optional.empty()).equal(attend(parts, pattern, Optional.empty())));
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"BFloat16", "Float"})
  void theSameEachTime(ScalarType type) {
    SparsePattern pattern = new SparsePattern(33, 3, 500);
    Qkv given = Formula.inputs(2, 1500, 1500, 4, 2, 32);
    Optional<Tensor> starts = Optional.of(documents(1500, 33).narrow(0, 0, 2));
    Qkv first = gradients(StridedAttentionTest.copy(given, type), pattern, starts);
    for (int run = 1; run < 8; run++) {
      Qkv again = gradients(StridedAttentionTest.copy(given, type), pattern, starts);
      assertTrue(first.q().equal(again.q()), "gradient of q, run " + run);
      assertTrue(first.k().equal(again.k()), "gradient of k, run " + run);
      assertTrue(first.v().equal(again.v()), "gradient of v, run " + run);
    }
  }

  @Test
  void takesWhatItCan() {
    SparsePattern pattern = new SparsePattern(16, 8, 4);
    Qkv x = StridedAttentionTest.copy(Formula.inputs(1, 80, 80, 2, 2, 16), ScalarType.Float);
    DenseAttention dense = new DenseAttention(SCALE, Optional.empty());
    assertTrue(PatternAttention.of(dense, pattern, x).isPresent());
    DenseAttention capped = new DenseAttention(SCALE, Optional.of(2.0));
    assertTrue(PatternAttention.of(capped, pattern, x).isEmpty(), "soft cap");
    Qkv after = new Qkv(x.q().narrow(1, 0, 40), x.k(), x.v());
    assertTrue(PatternAttention.of(dense, pattern, after).isEmpty(), "keys before");
    Qkv exact = StridedAttentionTest.copy(x, ScalarType.Double);
    assertTrue(PatternAttention.of(dense, pattern, exact).isEmpty(), "type");
    Qkv odd = StridedAttentionTest.copy(Formula.inputs(1, 80, 80, 2, 2, 20), ScalarType.Float);
    assertTrue(PatternAttention.of(dense, pattern, odd).isEmpty(), "size of heads");
    try (KernelMode.Setting off = KernelMode.PLAIN.set()) {
      assertTrue(PatternAttention.of(dense, pattern, x).isEmpty(), "plain operators are wanted");
    }
  }

  /** Documents of all kinds of lengths in one row, one of the whole row, and two in a third. */
  private static Tensor documents(int time, int window) {
    return StridedAttentionTest.cuda(
        Tensors.stack(
            0,
            StridedAttentionTest.starts(
                time, 1, Math.max(1, window - 1), window, 1, window + 1, 2, window + 15),
            StridedAttentionTest.starts(time, time),
            StridedAttentionTest.starts(time, Math.max(1, time - window - 3))));
  }

  private static void compare(
      ScalarType type, SparsePattern pattern, Qkv given, Optional<Tensor> starts) {
    Qkv fused = StridedAttentionTest.copy(given, type);
    Qkv exact = StridedAttentionTest.copy(fused, ScalarType.Double);
    Tensor expected = MergedAttentionTest.attend(exact, pattern, SCALE, Optional.empty(), starts);
    Tensor direction = Trial.random(4, Tensors.sizes(expected)).to(expected.device(), type);
    Tensor actual = attend(fused, pattern, starts);
    near("result", type, expected, actual, 0);
    Backward.run(actual.mul(direction).sum());
    Backward.run(expected.mul(direction).sum());
    // Queries have no gradient where they see one key.
    double scale = Tensors.number(exact.v().grad().norm());
    near("gradient of q", type, exact.q().grad(), fused.q().grad(), scale);
    near("gradient of k", type, exact.k().grad(), fused.k().grad(), scale);
    near("gradient of v", type, exact.v().grad(), fused.v().grad(), scale);
  }

  private static Tensor attend(Qkv x, SparsePattern pattern, Optional<Tensor> starts) {
    LocalAttention kernels =
        PatternAttention.of(new DenseAttention(SCALE, Optional.empty()), pattern, x).orElseThrow();
    return MergedAttention.run(x, 0, kernels, starts, Optional.empty(), Optional.empty());
  }

  private static Qkv gradients(Qkv x, SparsePattern pattern, Optional<Tensor> starts) {
    Tensor y = attend(x, pattern, starts);
    Backward.run(y.square().sum());
    return new Qkv(x.q().grad(), x.k().grad(), x.v().grad());
  }

  /** Relative to the expected norm, or to a twentieth of a scale. */
  private static void near(
      String what, ScalarType type, Tensor expected, Tensor actual, double scale) {
    double tolerance = type == ScalarType.Float ? 1e-4 : 0.01;
    double norm = Math.max(Tensors.number(expected.norm()), 0.05 * scale);
    double error = Tensors.number(actual.to(ScalarType.Double).sub(expected).norm()) / norm;
    assertTrue(error <= tolerance, what + " is off by " + error + " of the norm");
  }
}
