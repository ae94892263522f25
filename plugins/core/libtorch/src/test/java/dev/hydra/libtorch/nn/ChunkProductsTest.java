package dev.hydra.libtorch.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The kernels for Hopper against LibTorch's products on the same device, and against float64. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class ChunkProductsTest {
  private static final Device CUDA = new Device("cuda");

  private final RandomInput random = new RandomInput();

  @BeforeEach
  void isHopper() {
    Tensor any = torch.zeros(1).to(CUDA, ScalarType.Float);
    assumeTrue(Gpu.of(any).isHopper(), "these kernels are for compute capability 9.0");
  }

  @ParameterizedTest
  @CsvSource({
    // in, out, the chunks of each group
    "256, 256, 2 2",
    "8, 8, 1",
    "64, 520, 0 3 1 0 7 0", // no rows; a rest of one chunk, edges of tiles
    "1048, 264, 5 4 8",
    "72, 136, 0 0 0 9",
    "512, 1024, 3 9 1 4 2 6 5 10",
    "136, 2048, 1 0 2 1 3 1 1 1 2 1 0 1 1 1 1 2 1 3 1 2 1 1 2 1 1 1 4 1 1 1 1 2 1 1"
  })
  void productsAgreeWithFloat64AndThePlainTwin(int in, int out, String chunks) {
    int[] ends = ends(chunks);
    int rows = ends[ends.length - 1];
    new Twins()
        .element("rows", random.values(rows, in))
        .weight("matrices", Tensors.mul(random.values(ends.length, out, in), 1 / Math.sqrt(in)))
        .check(
            tensors -> {
              assertThat(ChunkProducts.of(get(tensors, "matrices"), rows, 64)).isPresent();
              return products(tensors, ends, 64);
            },
            tensors -> products(tensors, ends, 1),
            ScalarType.BFloat16,
            ScalarType.BFloat16);
  }

  private static Map<String, Tensor> products(Map<String, Tensor> tensors, int[] ends, int span) {
    Tensor rows = get(tensors, "rows");
    return Map.of(
        "the products",
        GroupedLinear.apply(LinearInput.of(rows), get(tensors, "matrices"), on(ends, rows), span));
  }

  @ParameterizedTest
  @CsvSource({
    // decisions, choices, span, experts, in, out
    "9, 2, 64, 8, 256, 512",
    "5, 3, 128, 4, 264, 72",
    "4, 1, 192, 3, 64, 320",
    "30, 2, 64, 64, 40, 264",
    "1, 1, 64, 1, 8, 8"
  })
  void tokensReadInPlaceAgreeWithFloat64AndThePlainTwin(
      int decisions, int choices, int span, int experts, int in, int out) {
    Tensor chosen = torch.rand(decisions, experts).topk(choices).get1();
    new Twins()
        .element("tokens", random.values((long) decisions * span, in))
        .weight("matrices", Tensors.mul(random.values(experts, out, in), 1 / Math.sqrt(in)))
        .check(
            tensors -> {
              Tensor tokens = get(tensors, "tokens");
              ExpertDispatch dispatch = dispatch(chosen, experts, span, tokens);
              assertThat(SpreadProduct.of(tokens, get(tensors, "matrices"), dispatch)).isPresent();
              return Map.of("the products", dispatch.toExperts(tokens, get(tensors, "matrices")));
            },
            tensors -> {
              Tensor tokens = get(tensors, "tokens");
              ExpertDispatch dispatch = dispatch(chosen, experts, span, tokens);
              return Map.of(
                  "the products",
                  GroupedLinear.apply(
                      dispatch.spread(tokens), get(tensors, "matrices"), dispatch.ends()));
            },
            ScalarType.BFloat16,
            ScalarType.BFloat16);
  }

  private static ExpertDispatch dispatch(Tensor chosen, int experts, int span, Tensor like) {
    return ExpertDispatch.of(chosen.to(like.device(), ScalarType.Long), experts, span);
  }

  /** The gradient of tokens counts in the sum of all that read them. */
  @Test
  void addsItsGradientToThatOfOthers() {
    Tensor chosen = torch.rand(6, 5).topk(2).get1();
    Tensor values = random.values(6L * 64, 128);
    Tensor matrices =
        Tensors.mul(random.values(5, 256, 128), 1 / Math.sqrt(128)).to(CUDA, ScalarType.BFloat16);
    Tensor[] gradients = new Tensor[2];
    for (int way = 0; way < 2; way++) {
      Tensor x = values.to(CUDA, ScalarType.BFloat16).set_requires_grad(true);
      try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
        Tensor read = way == 0 ? x : GradientSum.of(x);
        ExpertDispatch dispatch = dispatch(chosen, 5, 64, x);
        Tensor first = dispatch.toExperts(read, matrices);
        Tensor second = dispatch.toExperts(read, matrices.flip(0));
        Backward.run(first.mul(first).sum().add(second.mul(second).sum()));
      }
      gradients[way] = Tensors.upcast(x.grad()).clone();
    }
    Tensor difference = gradients[0].sub(gradients[1]).norm().div(gradients[0].norm());
    assertThat(Tensors.number(difference)).isLessThan(1e-2);
  }

  /** Choices of an expert that does not exist give zeros, and no gradient. */
  @Test
  void whatIsInNoGroupIsZero() {
    Tensor chosen = Tensor.create(new long[] {0, 3, 1, 3, 3, 0}, 6, 1);
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Tensor tokens = random.values(6 * 64, 72).to(CUDA, ScalarType.BFloat16);
      tokens.set_requires_grad(true);
      Tensor matrices = random.values(3, 264, 72).to(CUDA, ScalarType.BFloat16);
      matrices.set_requires_grad(true);
      Tensor rows = dispatch(chosen, 3, 64, tokens).toExperts(tokens, matrices);
      Backward.run(rows.mul(rows.detach()).sum());
      assertEquals(0, largest(rows.narrow(0, 3 * 64, 3 * 64)));
      assertThat(largest(rows.narrow(0, 0, 3 * 64))).isPositive();
      for (long of : new long[] {1, 3, 4}) {
        assertEquals(0, largest(tokens.grad().narrow(0, of * 64, 64)));
      }
      assertThat(largest(tokens.grad().narrow(0, 2 * 64, 64))).isPositive();
      assertEquals(0, largest(matrices.grad().select(0, 2)));
      assertThat(largest(matrices.grad().select(0, 1))).isPositive();
    }
  }

  private static double largest(Tensor values) {
    return Tensors.number(values.detach().abs().max());
  }

  @Test
  void whatTheyCannotComputeIsLeftToOthers() {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Tensor matrices = torch.ones(64, 16, 8).to(CUDA, ScalarType.BFloat16);
      assertThat(ChunkProducts.of(matrices, 640, 64)).isPresent();
      assertThat(ChunkProducts.of(matrices, 640, 128)).isPresent();
      assertThat(ChunkProducts.of(matrices, 640, 32)).as("parts of chunks").isEmpty();
      assertThat(ChunkProducts.of(matrices, 640, 96)).as("parts of chunks").isEmpty();
      assertThat(ChunkProducts.of(matrices, 0, 64)).as("no rows").isEmpty();
      assertThat(ChunkProducts.of(matrices.to(ScalarType.Float), 640, 64)).as("types").isEmpty();
      Tensor more = torch.ones(65, 16, 8).to(CUDA, ScalarType.BFloat16);
      assertThat(ChunkProducts.of(more, 640, 64)).as("many groups").isEmpty();
      assertThat(ChunkProducts.of(matrices.narrow(1, 0, 12), 640, 64)).as("a side").isEmpty();
      Tensor few = torch.ones(2, 128, 256).to(CUDA, ScalarType.BFloat16);
      assertThat(ChunkProducts.of(few, 64_000, 64)).as("better in parts").isEmpty();
      CustomFunction.inlined(
          () -> assertThat(ChunkProducts.of(matrices, 640, 64)).as("inlined").isEmpty());
      try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
        assertThat(ChunkProducts.of(matrices, 640, 64)).as("plain").isEmpty();
      }
    }
  }

  private static Tensor get(Map<String, Tensor> tensors, String name) {
    return Objects.requireNonNull(tensors.get(name));
  }

  private static int[] ends(String chunks) {
    int[] ends = Arrays.stream(chunks.split(" ")).mapToInt(Integer::parseInt).toArray();
    Arrays.parallelPrefix(ends, Integer::sum);
    return Arrays.stream(ends).map(end -> 64 * end).toArray();
  }

  private static Tensor on(int[] ends, Tensor like) {
    return Tensor.create(ends, ends.length).to(like.device(), ScalarType.Int);
  }
}
