package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.nn.Documents;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.Optional;
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
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernels for Hopper against the plain twin in float64, from the same bfloat16 inputs. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class WindowKernelsTest {
  private static final double SCALE = 0.3;

  /** bfloat16 keeps 8 bits; the kernels round probabilities and results. */
  private static final double TOLERANCE = 0.01;

  private KernelMode.Setting fused = () -> {};

  @BeforeEach
  void setUp() {
    Tensor any = torch.zeros(1).to(new Device("cuda"), ScalarType.Float);
    assumeTrue(Gpu.of(any).major() == 9, "these kernels are for compute capability 9.0");
    fused = KernelMode.FUSED.set();
  }

  @AfterEach
  void tearDown() {
    fused.close();
  }

  /** Documents have a random length of up to so many tokens; 0 if there are none. */
  @ParameterizedTest
  @CsvSource({
    // window, time, documents, batch, heads, kvHeads, headDim
    "2147483647, 1, 0, 2, 1, 1, 64",
    "1, 300, 0, 1, 2, 2, 64",
    "64, 128, 0, 1, 4, 4, 64",
    "65, 129, 0, 3, 4, 2, 64",
    "128, 777, 0, 2, 6, 2, 64",
    "2147483647, 1000, 0, 1, 4, 1, 64",
    "2147483647, 700, 90, 3, 2, 2, 64",
    "200, 1300, 500, 2, 3, 1, 64",
    "1024, 2050, 3000, 1, 2, 2, 64",
    "1, 40, 0, 2, 2, 1, 128",
    "100, 513, 0, 2, 4, 2, 128",
    "2147483647, 640, 0, 1, 2, 2, 128",
    "2147483647, 500, 30, 2, 8, 2, 128",
    "130, 900, 400, 2, 2, 1, 128"
  })
  void equalThePlainTwin(
      int window, int time, int documents, int batch, int heads, int kvHeads, int headDim) {
    Qkv given = bfloat16(Formula.inputs(batch, time, time, heads, kvHeads, headDim));
    Optional<Tensor> starts = documents == 0 ? Optional.empty() : starts(batch, time, documents);
    compare(given, window, starts);
  }

  /** Many queries of some hundred times the usual length: the running maximum grows on the way. */
  @Test
  void largeScoresStayExact() {
    Qkv x = Formula.inputs(1, 900, 900, 2, 2, 64);
    Tensor growing = Tensors.mul(torch.arange(new Scalar(900)).to(ScalarType.Double), 0.02);
    compare(
        bfloat16(new Qkv(Tensors.mul(x.q(), 4), x.k().mul(growing.view(1, -1, 1, 1)), x.v())),
        Integer.MAX_VALUE,
        Optional.empty());
  }

  /** Parts of one projection, whose rows are apart and begin where 16 bytes may not be read. */
  @ParameterizedTest
  @ValueSource(ints = {0, 8, 3})
  void readPartsOfAProjection(int before) {
    Tensor whole =
        Trial.random(5, 2, 300, before + 8 * 64).to(new Device("cuda"), ScalarType.BFloat16);
    Qkv parts =
        new Qkv(
            whole.narrow(2, before, 4 * 64).unflatten(2, 4, 64),
            whole.narrow(2, before + 4 * 64, 2 * 64).unflatten(2, 2, 64),
            whole.narrow(2, before + 6 * 64, 2 * 64).unflatten(2, 2, 64));
    Tensor direction = Trial.random(6, 2, 300, 64, 4).to(parts.q().device(), ScalarType.BFloat16);
    Qkv apart = new Qkv(parts.q().clone(), parts.k().clone(), parts.v().clone());
    Qkv gradients = gradients(parts, direction.transpose(2, 3));
    Qkv expected = gradients(apart, direction.transpose(2, 3).contiguous());
    assertTrue(expected.q().equal(gradients.q()), "gradient of q");
    assertTrue(expected.k().equal(gradients.k()), "gradient of k");
    assertTrue(expected.v().equal(gradients.v()), "gradient of v");
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 128})
  void theSameEachTime(int headDim) {
    Qkv x = bfloat16(Formula.inputs(2, 1500, 1500, 4, 2, headDim));
    Tensor direction =
        Trial.random(4, Tensors.sizes(x.q())).to(x.q().device(), ScalarType.BFloat16);
    Qkv first = gradients(x, direction);
    for (int run = 1; run < 8; run++) {
      Qkv again = gradients(x, direction);
      assertTrue(first.q().equal(again.q()), "gradient of q, run " + run);
      assertTrue(first.k().equal(again.k()), "gradient of k, run " + run);
      assertTrue(first.v().equal(again.v()), "gradient of v, run " + run);
    }
  }

  @Test
  void takeWhatTheyCan() {
    Qkv x = bfloat16(Formula.inputs(1, 40, 40, 2, 2, 64));
    DenseAttention plain = new DenseAttention(SCALE, Optional.empty());
    assertTrue(WindowKernels.of(plain, 8, x).isPresent());
    assertTrue(
        WindowKernels.of(new DenseAttention(SCALE, Optional.of(2.0)), 8, x).isEmpty(), "soft cap");
    assertTrue(WindowKernels.of(plain, 8, x.part(1, 40, 0, 40)).isEmpty(), "keys before");
    assertTrue(WindowKernels.of(plain, 8, moved(x, ScalarType.Half)).isEmpty(), "type");
    Qkv small = bfloat16(Formula.inputs(1, 40, 40, 2, 2, 32));
    assertTrue(WindowKernels.of(plain, 8, small).isEmpty(), "size of heads");
    try (KernelMode.Setting off = KernelMode.PLAIN.set()) {
      assertTrue(WindowKernels.of(plain, 8, x).isEmpty(), "plain operators are wanted");
    }
  }

  private static void compare(Qkv given, int window, Optional<Tensor> starts) {
    DenseAttention dense = new DenseAttention(SCALE, Optional.empty());
    LocalAttention kernels = LocalAttention.of(dense, window, given, starts);
    assertEquals(WindowKernels.class, kernels.getClass());
    Qkv exact = moved(given, ScalarType.Double);
    LocalAttention twin = new BlockedAttention(dense, window);
    Partial expected = twin.forward(exact, starts);
    Partial actual = kernels.forward(given, starts);
    near("result", expected.out(), actual.out());
    near("normaliser", expected.lse(), actual.lse());

    Tensor direction =
        Trial.random(4, Tensors.sizes(given.q())).to(given.q().device(), ScalarType.BFloat16);
    Qkv whole =
        twin.backward(
            exact,
            starts,
            new Upstream(expected.out(), expected.lse(), direction.to(ScalarType.Double)));
    Qkv gradients =
        kernels.backward(given, starts, new Upstream(actual.out(), actual.lse(), direction));
    near("gradient of q", whole.q(), gradients.q(), Tensors.number(whole.v().norm()));
    near("gradient of k", whole.k(), gradients.k(), Tensors.number(whole.v().norm()));
    near("gradient of v", whole.v(), gradients.v());
  }

  private static Qkv gradients(Qkv given, Tensor direction) {
    Qkv x = new Qkv(leaf(given.q()), leaf(given.k()), leaf(given.v()));
    Tensor y =
        MergedAttentionTest.attend(
            x, SparsePattern.local(100), SCALE, Optional.empty(), Optional.empty());
    Backward.run(y.mul(direction).sum());
    return new Qkv(x.q().grad(), x.k().grad(), x.v().grad());
  }

  /** The same view, as a leaf. */
  private static Tensor leaf(Tensor tensor) {
    return tensor.detach().set_requires_grad(true);
  }

  private static Optional<Tensor> starts(int batch, int time, int longest) {
    Tensor changes = torch.rand(batch, time).lt(new Scalar(2.0 / longest));
    Tensor documents = changes.to(ScalarType.Long).cumsum(1);
    return Optional.of(Documents.starts(documents).to(new Device("cuda"), ScalarType.Long));
  }

  private static Qkv bfloat16(Qkv x) {
    return moved(x, ScalarType.BFloat16);
  }

  private static Qkv moved(Qkv x, ScalarType type) {
    Device cuda = new Device("cuda");
    return new Qkv(
        x.q().detach().to(cuda, type),
        x.k().detach().to(cuda, type),
        x.v().detach().to(cuda, type));
  }

  private static void near(String what, Tensor expected, Tensor actual) {
    near(what, expected, actual, 0);
  }

  /** Relative to the expected norm, or to a scale: q has no gradient if it sees one key. */
  private static void near(String what, Tensor expected, Tensor actual, double scale) {
    double norm = Math.max(Tensors.number(expected.norm()), 0.05 * scale);
    double error = Tensors.number(actual.to(ScalarType.Double).sub(expected).norm()) / norm;
    assertTrue(error <= TOLERANCE, what + " is off by " + error + " of the norm");
  }
}
