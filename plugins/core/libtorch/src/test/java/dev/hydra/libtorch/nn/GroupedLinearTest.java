package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.nn.GroupedProduct.Products;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GroupedLinearTest {
  /** The one operator and the loop are twins: results and both gradients. */
  @ParameterizedTest
  @CsvSource({"Float, 1e-5", "BFloat16, 2e-2"})
  void fusedEqualsLooped(ScalarType type, double bound) {
    try (PointerScope scope = new PointerScope()) {
      Tensor ends = Tensor.create(new int[] {0, 7, 7, 20, 21, 21}, 6);
      Tensor rows = torch.randn(21, 16).to(type);
      Tensor weights = torch.randn(6, 24, 16).to(type);
      Tensor direction = torch.randn(21, 24).to(type);
      Tensor[] fused = run(GroupedLinear::fused, rows, weights, ends, direction);
      Tensor[] looped = run(GroupedLinear::looped, rows, weights, ends, direction);
      for (int i = 0; i < fused.length; i++) {
        assertTrue(relative(fused[i], looped[i]) < bound, "result " + i);
      }
      for (long empty : new long[] {0, 2, 5}) {
        assertEquals(0, Tensors.number(fused[2].select(0, empty).abs().max()));
      }
    }
  }

  /** So is the product with copies of the matrices, which has no gradient. */
  @ParameterizedTest
  @CsvSource({"Double, 1e-12", "Float, 1e-5", "BFloat16, 2e-2"})
  void gatheredEqualsLooped(ScalarType type, double bound) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor ends = Tensor.create(new int[] {0, 3, 3, 4, 9, 9}, 6);
      Tensor rows = torch.randn(9, 15).to(type);
      Tensor weights = torch.randn(6, 23, 15).to(type);
      Tensor looped = GroupedLinear.looped(rows, weights, ends);
      assertTrue(relative(GroupedLinear.gathered(rows, weights, ends), looped) < bound);
    }
  }

  /** So are the operator's gradients and those of parts of groups, some of them empty. */
  @ParameterizedTest
  @CsvSource({"Float, 1e-5", "BFloat16, 2e-2"})
  void gradientsByPartsEqualThoseOfTheOperator(ScalarType type, double bound) {
    try (PointerScope scope = new PointerScope()) {
      Tensor ends = Tensor.create(new int[] {0, 7, 7, 20, 21, 21}, 6);
      Tensor rows = torch.randn(21, 16).to(type);
      Tensor weights = torch.randn(6, 24, 16).to(type);
      Tensor direction = torch.randn(21, 24).to(type);
      GroupedProduct inParts = new GroupedProduct(Products.LIBTORCH, 3, GroupedLinearTest::thirds);
      Tensor[] found = run((x, w, e) -> inParts.apply(x, w, e)[0], rows, weights, ends, direction);
      Tensor[] expected = run(Products.LIBTORCH::forward, rows, weights, ends, direction);
      for (int i = 0; i < found.length; i++) {
        assertTrue(relative(found[i], expected[i]) < bound, "result " + i);
      }
    }
  }

  private static Tensor thirds(Tensor ends) {
    long[] groups = Tensors.integers(ends);
    int[] cut = new int[3 * groups.length];
    long begin = 0;
    for (int group = 0; group < groups.length; group++) {
      for (int part = 0; part < 3; part++) {
        cut[3 * group + part] = (int) (begin + (groups[group] - begin) * (part + 1) / 3);
      }
      begin = groups[group];
    }
    return Tensor.create(cut, cut.length);
  }

  @Test
  void fewTilesAreCutIntoPartsUntilTheyFillADevice() {
    assertEquals(5, RowParts.count(4, 32_768, 384, 448, 132));
    assertEquals(2, RowParts.count(4, 32_768, 896, 384, 132));
    assertEquals(1, RowParts.count(8, 16_384, 2048, 2048, 132));
    assertEquals(1, RowParts.count(4, 1000, 384, 448, 132), "few rows");
    assertEquals(1, RowParts.count(1000, 1_000_000, 16, 16, 132), "many groups");
    assertEquals(7, RowParts.count(4, 32_768, 8, 660), "a few small tiles");
    assertEquals(4, RowParts.count(4, 4096, 8, 660), "parts have 256 rows");
  }

  /** On CUDA as on the CPU, and the same bits again. */
  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void onCudaGradientsByPartsEqualThoseOfTheOperator() {
    try (PointerScope scope = new PointerScope()) {
      Device cuda = new Device("cuda");
      Tensor ends = Tensor.create(new int[] {0, 1500, 1501, 8192}, 4).to(cuda, ScalarType.Int);
      Tensor rows = torch.randn(8192, 384).to(cuda, ScalarType.BFloat16);
      Tensor weights = torch.randn(4, 448, 384).to(cuda, ScalarType.BFloat16);
      Tensor direction = torch.randn(8192, 448).to(cuda, ScalarType.BFloat16);
      RowParts cutter = RowParts.of(rows).orElseThrow();
      Tensor hosts = Tensor.create(new int[] {0, 1500, 1501, 8192}, 4);
      assertTrue(cutter.ends(ends, 3).cpu().equal(thirds(hosts)));
      Tensor[] found = run(GroupedLinear::apply, rows, weights, ends, direction);
      Tensor[] again = run(GroupedLinear::apply, rows, weights, ends, direction);
      Tensor[] expected = run(Products.LIBTORCH::forward, rows, weights, ends, direction);
      for (int i = 0; i < found.length; i++) {
        assertTrue(relative(found[i], expected[i]) < 1e-2, "result " + i);
        assertTrue(found[i].equal(again[i]), "the same bits again, result " + i);
      }
    }
  }

  @FunctionalInterface
  private interface Product {
    Tensor apply(Tensor rows, Tensor weights, Tensor ends);
  }

  private static Tensor[] run(
      Product product, Tensor rows, Tensor weights, Tensor ends, Tensor direction) {
    Tensor x = rows.clone().set_requires_grad(true);
    Tensor w = weights.clone().set_requires_grad(true);
    Tensor y = product.apply(x, w, ends);
    y.mul(direction).sum().backward();
    return new Tensor[] {y, new Tensor(x.grad()), new Tensor(w.grad())};
  }

  private static double relative(Tensor actual, Tensor expected) {
    Tensor reference = expected.to(ScalarType.Double);
    return Tensors.number(actual.to(ScalarType.Double).sub(reference).norm())
        / Tensors.number(reference.norm());
  }
}
