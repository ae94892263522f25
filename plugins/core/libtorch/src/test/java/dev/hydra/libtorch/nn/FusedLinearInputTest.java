package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.CudaMemory;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import org.bytedeco.javacpp.PointerScope;
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

/** What CUDA kernels write again in backward, against what is kept. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedLinearInputTest {
  private static final double EPSILON = 1e-5;

  private final RandomInput random = new RandomInput();

  /** Maps what is not computed yet, by weights. */
  @FunctionalInterface
  private interface Map extends BiFunction<LinearInput, Tensor, Tensor> {}

  /** Makes it of leaves. */
  @FunctionalInterface
  private interface Made {
    LinearInput of(Tensor... leaves);
  }

  private static Tensor[] run(Made made, Map map, ScalarType type, Tensor... values) {
    Device cuda = new Device("cuda");
    Tensor[] leaves = new Tensor[values.length];
    for (int i = 0; i < leaves.length; i++) {
      // The weights of norms are float32 in bfloat16, too.
      leaves[i] = Samples.leaf(values[i], cuda, values[i].dim() == 1 ? ScalarType.Float : type);
    }
    List<Tensor> found = new ArrayList<>();
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Tensor y = map.apply(made.of(leaves), leaves[leaves.length - 1]);
      torch.manual_seed(1);
      Backward.run(y, torch.randn(Tensors.sizes(y)).to(cuda, type));
      found.add(y.detach());
    }
    for (Tensor leaf : leaves) {
      found.add(leaf.grad());
    }
    return found.toArray(Tensor[]::new);
  }

  /** Results and all gradients have the bits that they have where the map keeps what it reads. */
  private static void check(Made made, Map map, Map keeping, Tensor... values) {
    for (ScalarType type : new ScalarType[] {ScalarType.BFloat16, ScalarType.Float}) {
      Map recomputing =
          (input, weights) -> {
            assertTrue(input.isRecomputed(weights), "it would be kept");
            return map.apply(input, weights);
          };
      Tensor[] found = run(made, recomputing, type, values);
      Tensor[] expected = run(made, keeping, type, values);
      assertEquals(expected.length, found.length);
      for (int i = 0; i < found.length; i++) {
        assertTrue(found[i].equal(expected[i]), type + ", result " + i);
      }
    }
  }

  private static Tensor keeping(LinearInput input, Tensor weights) {
    return Tensors.linear(input.tensor(), weights);
  }

  @ParameterizedTest
  @CsvSource({
    // rows, groups, width, channels before z; own weights, norm first
    "1, 1, 8, 0, false, false",
    "5, 1, 64, 8, false, true",
    "7, 1, 33, 1, false, false",
    "11, 3, 64, 8, true, false",
    "11, 3, 64, 8, true, true",
    "33, 1, 2048, 8, false, false",
    "517, 1, 4096, 8, false, true",
    "1030, 1, 4096, 64, false, false",
    "40, 1, 20000, 8, false, false"
  })
  void ofAGatedNorm(int rows, int groups, int width, int before, boolean own, boolean normFirst) {
    int channels = groups * width;
    check(
        in -> {
          RmsNorm norm = new RmsNorm(in[2], own ? groups : 1, EPSILON);
          Tensor z = in[1].narrow(2, before, channels);
          return normFirst ? norm.thenGated(in[0], z) : norm.ofGated(in[0], z);
        },
        LinearInput::linear,
        FusedLinearInputTest::keeping,
        random.values(2, rows, channels),
        random.values(2, rows, before + channels),
        random.values(own ? channels : width),
        random.values(24, channels));
  }

  /** As gated-deltanet has it: each head is normalised, and z is a part of the projection. */
  @Test
  void ofGatedNormsOfHeads() {
    int heads = 3;
    int width = 64;
    check(
        in ->
            new RmsNorm(in[2], 1, EPSILON).thenGated(in[0], in[1].narrow(3, 8, width)).flattened(),
        LinearInput::linear,
        FusedLinearInputTest::keeping,
        random.values(2, 37, heads, width),
        random.values(2, 37, heads, 8 + width),
        random.values(width),
        random.values(24, (long) heads * width));
  }

  @ParameterizedTest
  @CsvSource({"SILU, 1, 8", "GELU, 7, 40", "SILU, 13, 33", "GELU, 5, 2728", "SILU, 1000, 1536"})
  void ofAGate(GatedActivation activation, int rows, int hidden) {
    check(
        in -> activation.apply(in[0], in[1], 0.7),
        LinearInput::linear,
        FusedLinearInputTest::keeping,
        Tensors.mul(random.values(2, rows, hidden), 3.0),
        random.values(2, rows, hidden),
        random.values(24, hidden));
    check(
        in -> activation.ofHalves(in[0]),
        LinearInput::linear,
        FusedLinearInputTest::keeping,
        Tensors.mul(random.values(2, rows, 2L * hidden), 3.0),
        random.values(24, hidden));
  }

  /** The bias is a row of the leaf that the weights are the other rows of. */
  @Test
  void beforeAMapWithBias() {
    int hidden = 64;
    int out = 24;
    check(
        in -> GatedActivation.SILU.ofHalves(in[0]),
        (input, both) ->
            new Linear(both.narrow(0, 0, out), Optional.of(bias(both, out))).apply(input),
        (input, both) -> Tensors.linear(input.tensor(), both.narrow(0, 0, out), bias(both, out)),
        random.values(2, 37, 2L * hidden),
        random.values(out + 1L, hidden));
  }

  private static Tensor bias(Tensor both, int out) {
    return both.select(0, out).narrow(0, 0, out);
  }

  /** Few groups are cut into parts for the gradient of their matrices, many are not. */
  @ParameterizedTest
  @CsvSource({"4, 384, 448", "32, 64, 48"})
  void ofAGateBeforeMapsOfGroups(int groups, int hidden, int out) {
    int rows = 8192;
    int[] numbers = new int[groups];
    for (int group = 0; group < groups; group++) {
      numbers[group] = group == 0 ? 1 : group == groups - 1 ? rows : rows / groups * group;
    }
    Tensor ends = Tensor.create(numbers, groups).to(new Device("cuda"), ScalarType.Int);
    check(
        in -> GatedActivation.SILU.ofHalves(in[0]),
        (input, weights) -> GroupedLinear.apply(input, weights, ends, 1),
        (input, weights) -> GroupedLinear.apply(input.tensor(), weights, ends),
        random.values(rows, 2L * hidden),
        random.values(groups, out, hidden));
  }

  /** Of many layers with graphs, what was made for the maps is there once. */
  @Test
  void isNotKept() {
    int layers = 8;
    long rows = 4096;
    long width = 1024;
    Device cuda = new Device("cuda:0");
    long[] peaks = new long[2];
    for (int way = 0; way < 2; way++) {
      boolean kept = way == 0;
      try (PointerScope scope = new PointerScope();
          KernelMode.Setting kernels = KernelMode.FUSED.set()) {
        Tensor x = Samples.leaf(torch.randn(rows, width), cuda, ScalarType.BFloat16);
        Tensor weight = Samples.leaf(torch.randn(8, width), cuda, ScalarType.BFloat16);
        CudaMemory.reset(cuda);
        Tensor sum = torch.zeros(rows, 8).to(cuda, ScalarType.BFloat16);
        for (int i = 0; i < layers; i++) {
          Tensor before = sum;
          LinearInput input = GatedActivation.SILU.apply(x, x);
          sum = Scopes.keep(() -> before.add(kept ? keeping(input, weight) : input.linear(weight)));
        }
        peaks[way] = CudaMemory.peak(cuda);
        Backward.run(sum.sum());
      }
    }
    long bytes = rows * width * Short.BYTES;
    assertTrue(
        peaks[0] - peaks[1] >= (layers - 2) * bytes,
        () -> "%d bytes kept, %d not".formatted(peaks[0], peaks[1]));
  }
}
