package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import java.util.Arrays;
import java.util.Map;
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

/** The CUDA kernels against the loop over groups on the same device, and against float64. */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class FusedGroupedTest {
  private final RandomInput random = new RandomInput();

  @ParameterizedTest
  @CsvSource({
    // in, out, where groups end
    "15, 23, 0 7 7 20 21 21", // empty groups
    "1, 1, 1",
    "70, 65, 64 64 129 230",
    "33, 129, 0 0 300", // all rows in one
    "16, 64, 3 67 131",
    "130, 5, 100 100 101",
    "384, 448, 1500 1501 8192", // in parts
    "100, 36, 5000",
    "64, 64, 256 512 768 1024"
  })
  void agreesWithFloat64AndThePlainTwin(int in, int out, String groups) {
    int[] ends = Arrays.stream(groups.split(" ")).mapToInt(Integer::parseInt).toArray();
    Twins twins =
        new Twins()
            .element("rows", random.values(ends[ends.length - 1], in))
            .weight(
                "matrices", Tensors.mul(random.values(ends.length, out, in), 1 / Math.sqrt(in)));
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
      twins.check(
          tensors ->
              Map.of(
                  "the products",
                  FusedGrouped.of(tensors.get("rows"), tensors.get("matrices"))
                      .orElseThrow()
                      .product(
                          tensors.get("rows"),
                          tensors.get("matrices"),
                          ends(ends, tensors.get("rows")))),
          tensors ->
              Map.of(
                  "the products",
                  GroupedLinear.looped(
                      tensors.get("rows"),
                      tensors.get("matrices"),
                      ends(ends, tensors.get("rows")))),
          type,
          type);
    }
  }

  private static Tensor ends(int[] ends, Tensor like) {
    return Tensor.create(ends, ends.length).to(like.device(), ScalarType.Int);
  }

  /** Those of an empty group are zeros, and what is behind the last group becomes zeros. */
  @Test
  void whatHasNoRowsAndWhatHasNoGroupIsZero() {
    Device cuda = new Device("cuda");
    Tensor rows = torch.randn(200, 20).to(cuda, ScalarType.Float).set_requires_grad(true);
    Tensor weights = torch.randn(3, 30, 20).to(cuda, ScalarType.Float).set_requires_grad(true);
    Tensor ends = ends(new int[] {50, 50, 100}, rows);
    Tensor result = GroupedLinear.apply(rows, weights, ends);
    result.sum().backward();
    assertEquals(0, largest(result.narrow(0, 100, 100)));
    assertEquals(0, largest(rows.grad().narrow(0, 100, 100)));
    assertEquals(0, largest(weights.grad().select(0, 1)));
    assertTrue(largest(result.narrow(0, 0, 100)) > 0);
    assertTrue(largest(weights.grad().select(0, 2)) > 0);
  }

  private static double largest(Tensor values) {
    return Tensors.number(values.abs().max());
  }

  /** More groups than LibTorch takes, in bfloat16 too. */
  @Test
  void manyGroups() {
    int[] ends = new int[1500];
    Arrays.setAll(ends, i -> i * 2 / 3);
    try (Grad off = Grad.off()) {
      for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
        Tensor rows = torch.randn(ends[1499], 64).to(new Device("cuda"), type);
        Tensor weights = torch.randn(1500, 16, 64).to(new Device("cuda"), type);
        Tensor found = GroupedLinear.apply(rows, weights, ends(ends, rows));
        Tensor twin = GroupedLinear.looped(rows, weights, ends(ends, rows));
        assertTrue(
            largest(found.sub(twin)) <= (type == ScalarType.Float ? 1e-4 : 0.3), type.toString());
      }
    }
  }

  @Test
  void whatItCannotComputeIsLeftToThePlainTwin() {
    Tensor rows = torch.ones(2, 8).to(new Device("cuda"), ScalarType.Float);
    Tensor weights = torch.ones(3, 8, 8).to(new Device("cuda"), ScalarType.Float);
    assertTrue(FusedGrouped.of(rows, weights).isPresent());
    assertTrue(FusedGrouped.of(rows.to(ScalarType.BFloat16), weights).isEmpty(), "types apart");
    Tensor wide = rows.to(ScalarType.Double);
    assertTrue(FusedGrouped.of(wide, weights.to(ScalarType.Double)).isEmpty(), "float64");
    try (KernelMode.Setting plain = KernelMode.PLAIN.set()) {
      assertTrue(FusedGrouped.of(rows, weights).isEmpty(), "plain");
    }
  }
}
