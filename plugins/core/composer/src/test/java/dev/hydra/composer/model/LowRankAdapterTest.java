package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What adapters compute and how they are trained, against the formula of the paper. */
@ExtendWith(InScope.class)
class LowRankAdapterTest {
  private static final int RANK = 2;
  private static final double ALPHA = 3;
  private static final String NAME = "linear.weight";

  static Stream<long[]> shapes() {
    return Stream.of(new long[] {5, 4}, new long[] {3, 5, 4});
  }

  /** W x + alpha / rank B (A x), by autograd through A and B. */
  @ParameterizedTest
  @MethodSource("shapes")
  void theSumAndItsGradientsAreThoseOfTheBranch(long[] shape) {
    try (ParameterStore store =
        new ParameterStore(new Placement(Devices.cpu(), ScalarType.Double), 1)) {
      Tensor weight = store.borrow(NAME, ParameterSpec.of("weight", Init.normal(1), shape));
      store.adapt(NAME::equals, RANK, ALPHA);
      for (String end : List.of(LowRankAdapters.A, LowRankAdapters.B)) {
        Parameter part = store.byName().get(NAME + end);
        part.load(Models.normal(end.hashCode(), part.spec().sizes()));
      }
      store.adapters().merge();
      Tensor x =
          shape.length == 2 ? Models.normal(5, 7, shape[1]) : Models.normal(5, 3, 7, shape[2]);
      Tensor merged = x.matmul(weight.transpose(-2, -1));

      Tensor base = store.byName().get(NAME).master();
      Tensor a = store.byName().get(NAME + LowRankAdapters.A).master().detach().clone();
      Tensor b = store.byName().get(NAME + LowRankAdapters.B).master().detach().clone();
      a.set_requires_grad(true);
      b.set_requires_grad(true);
      Tensor branch = x.matmul(a.transpose(-2, -1)).matmul(b.transpose(-2, -1));
      Tensor unmerged = x.matmul(base.transpose(-2, -1)).add(Tensors.mul(branch, ALPHA / RANK));
      assertArrayEquals(Tensors.numbers(unmerged), Tensors.numbers(merged), 1e-12);

      Tensor target = Models.normal(9, Tensors.sizes(merged));
      for (int i = 0; i < 2; i++) { // the second adds to the first
        Backward.run(x.matmul(weight.transpose(-2, -1)).mul(target).sum());
        store.adapters().backward();
      }
      Backward.run(Tensors.mul(unmerged.mul(target).sum(), 2.0));
      assertGradient(a, store, LowRankAdapters.A);
      assertGradient(b, store, LowRankAdapters.B);
      assertFalse(weight.grad().defined(), "the gradient of the sum is not kept");
    }
  }

  private static void assertGradient(Tensor expected, ParameterStore store, String end) {
    Tensor actual = store.byName().get(NAME + end).working().grad();
    assertArrayEquals(Tensors.numbers(expected.grad()), Tensors.numbers(actual), 1e-12, end);
  }

  @Test
  void onlyTheAdaptersAreTrainedAndTheMatrixKeepsItsMaster() {
    try (ParameterStore store =
        new ParameterStore(new Placement(Devices.cpu(), ScalarType.Float), 1)) {
      Tensor weight = store.borrow(NAME, ParameterSpec.of("weight", Init.normal(1), 5, 4));
      store.borrow("norm.weight", ParameterSpec.of("weight", Init.ones(), 4));
      double[] before = Tensors.numbers(weight);
      store.adapt(NAME::equals, RANK, ALPHA);
      assertArrayEquals(before, Tensors.numbers(weight), 0, "B is zero");
      assertEquals(
          List.of(NAME + ".lora_a", NAME + ".lora_b"),
          store.all().stream().filter(Parameter::trained).map(Parameter::name).toList());
      Parameter b = store.byName().get(NAME + LowRankAdapters.B);
      b.load(Models.normal(3, 5, RANK));
      store.adapters().merge();
      assertArrayEquals(before, Tensors.numbers(store.byName().get(NAME).master()), 0);
      assertFalse(java.util.Arrays.equals(before, Tensors.numbers(weight)));
    }
  }

  @Test
  void linearMapsAreMatricesAndStacksThatAreDecayed() {
    Init zeros = Init.zeros();
    assertEquals(true, LowRankAdapters.takes(ParameterSpec.of("weight", zeros, 5, 4)));
    assertEquals(true, LowRankAdapters.takes(ParameterSpec.of("weight", zeros, 3, 5, 4)));
    assertEquals(3, LowRankAdapters.largestRank(ParameterSpec.of("weight", zeros, 9, 5, 3)));
    for (ParameterSpec other :
        List.of(
            ParameterSpec.of("bias", zeros, 5),
            ParameterSpec.of("conv1d.weight", zeros, 5, 1, 4),
            ParameterSpec.of("A_log", zeros, 5, 4).withoutDecay(),
            ParameterSpec.of("frozen", zeros, 5, 4).frozen(),
            ParameterSpec.table("table", zeros, 5, 4))) {
      assertFalse(LowRankAdapters.takes(other), other.name());
    }
  }
}
