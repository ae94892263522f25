package dev.hydra.libtorch.products;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.graphs.CapturedForward;
import dev.hydra.libtorch.io.UserCache;
import dev.hydra.libtorch.kernels.Gpu;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.nn.Linear;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class ProductsCudaTest {
  private static final Device CUDA = new Device("cuda:0");

  /** An odd number of rows, as a batch of texts of any length has. */
  private static final long ROWS = 4099;

  private static final long IN = 1024;
  private static final long OUT = 2176;

  @TempDir private Path folder;

  private final Tensor rows = random(ROWS, IN);
  private final Tensor weight = random(OUT, IN);
  private final Tensor arrived = random(ROWS, OUT);
  private final CublasLt lt = CublasLt.on(Gpu.of(rows));

  /** A product of a linear map: forward, gradient of rows, the same added up, of weights. */
  private record Case(String name, Tensor left, Tensor right, Tensor to, boolean adds) {
    ProductShape shape() {
      return ProductShape.of(left, right, to, adds).orElseThrow();
    }

    /** What LibTorch computes; {@link #to} stays. */
    Tensor expected() {
      Tensor result = to.clone();
      ProductTuner.multiply(left, right, result, adds);
      return result;
    }
  }

  private List<Case> cases() {
    return List.of(
        new Case("forward", rows, weight.t(), random(ROWS, OUT), false),
        new Case("of rows", arrived, weight, random(ROWS, IN), false),
        new Case("of rows, added", arrived, weight, random(ROWS, IN), true),
        new Case("of weights", arrived.t(), rows, random(OUT, IN), false),
        new Case(
            "of parts of rows",
            Tensors.slice(random(ROWS, OUT + 64), 1, 8, OUT + 8),
            weight,
            random(ROWS, IN),
            false));
  }

  private static Tensor random(long... sizes) {
    return torch.randn(sizes).to(CUDA, ScalarType.BFloat16);
  }

  private static void assertBits(String what, Tensor expected, Tensor found) {
    assertTrue(
        expected.view(ScalarType.Short).equal(found.view(ScalarType.Short)), what + ": other bits");
  }

  @Test
  void algorithmsThatAreChosenFromHaveTheBitsOfLibTorch() {
    int found = 0;
    try (Grad off = Grad.off()) {
      for (Case each : cases()) {
        Tensor before = each.to.clone();
        Tensor expected = each.expected();
        List<Algorithm> equal =
            ProductTuner.equal(lt, each.shape(), each.left, each.right, each.to);
        found += equal.size();
        try (LtProduct product = new LtProduct(lt, each.shape())) {
          for (Algorithm algorithm : equal) {
            product.use(algorithm);
            Tensor to = before.clone();
            product.run(each.left, each.right, to);
            assertBits(each.name + " by " + algorithm, expected, to);
          }
        }
      }
    }
    assertThat(found).as("algorithms to choose from").isPositive();
  }

  @Test
  void tunedProductsHaveTheBitsOfLibTorchAndAreTunedOnce() throws IOException {
    UserCache files = new UserCache(folder);
    TunedProducts first = new TunedProducts(lt, files);
    assertTuned(first);
    assertTuned(first);
    List<Path> kept = listed();
    assertThat(kept).hasSize(cases().size());
    List<Object> times = times(kept);
    assertTuned(new TunedProducts(lt, files)); // as another process
    assertEquals(times, times(listed()), "nothing was tuned again");
  }

  private List<Path> listed() throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.sorted().toList();
    }
  }

  private static List<Object> times(List<Path> files) throws IOException {
    List<Object> times = new ArrayList<>();
    for (Path file : files) {
      times.add(Files.getLastModifiedTime(file));
    }
    return times;
  }

  private void assertTuned(TunedProducts products) {
    try (Grad off = Grad.off()) {
      for (Case each : cases()) {
        Tensor expected = each.expected();
        if (!products.multiply(each.shape(), each.left, each.right, each.to)) {
          ProductTuner.multiply(each.left, each.right, each.to, each.adds);
        }
        assertBits(each.name, expected, each.to);
      }
    }
    assertEquals(cases().size(), products.shapes());
  }

  @Test
  void zerosTellNothing() {
    Tensor zeros = Tensors.zeros(rows, ROWS, IN);
    Tensor to = random(ROWS, OUT);
    ProductShape shape = ProductShape.of(zeros, weight.t(), to, false).orElseThrow();
    TunedProducts products = new TunedProducts(lt, new UserCache(folder));
    assertEquals(Optional.empty(), ProductTuner.choose(lt, shape, zeros, weight.t(), to));
    assertThat(products.multiply(shape, zeros, weight.t(), to)).isFalse();
    assertEquals(0, products.shapes());
  }

  @Test
  void aCapturedProductGoesByWhatWasChosenBefore() {
    TunedProducts products = new TunedProducts(lt, new UserCache(folder));
    Case map = cases().get(0);
    ProductShape shape = map.shape();
    Tensor late = random(OUT + 8, IN);
    Tensor lateResult = random(ROWS, OUT + 8);
    ProductShape lateShape = ProductShape.of(rows, late.t(), lateResult, false).orElseThrow();
    List<String> warnings = new ArrayList<>();
    int[] runs = new int[1];
    try (Grad off = Grad.off();
        CapturedForward forward =
            new CapturedForward(
                CUDA,
                tokens -> {
                  Tensor x = rows.add(tokens);
                  Tensor to = Tensors.empty(x, ScalarType.BFloat16, ROWS, OUT);
                  if (!products.multiply(shape, x, map.right, to)) {
                    ProductTuner.multiply(x, map.right, to, false);
                  }
                  if (runs[0]++ == 2) { // captured; what is met then is LibTorch's
                    assertThat(products.multiply(lateShape, x, late.t(), lateResult)).isFalse();
                  }
                  return to;
                },
                () -> true,
                warnings::add)) {
      for (int i = 0; i < 5; i++) {
        Tensor token = Tensors.mul(torch.ones(1), i).to(CUDA, ScalarType.Long);
        Tensor expected = rows.add(token).mm(map.right);
        assertBits("run " + i, expected, forward.run(token));
      }
      assertEquals(List.of(), warnings);
      assertTrue(forward.captured());
      assertEquals(3, runs[0]);
    }
    assertEquals(1, products.shapes());
  }

  @Test
  void mapsAndTheirGradientsHaveTheBitsOfThePlainPath() {
    List<Tensor> plain;
    try (KernelMode.Setting mode = KernelMode.PLAIN.set()) {
      plain = results();
    }
    List<Tensor> tuned;
    try (KernelMode.Setting mode = KernelMode.FUSED.set()) {
      tuned = results();
    }
    for (int i = 0; i < plain.size(); i++) {
      assertBits("result " + i, plain.get(i), tuned.get(i));
    }
  }

  /** Results of two maps of the same rows, and all gradients. */
  private List<Tensor> results() {
    Tensor x = rows.clone().detach().set_requires_grad(true);
    Tensor first = weight.clone().detach().set_requires_grad(true);
    Tensor second = weight.flip(0).clone().detach().set_requires_grad(true);
    Tensor[] y =
        Linear.applyAll(
            x, new Linear(first, Optional.empty()), new Linear(second, Optional.empty()));
    Backward.run(y[0].mul(arrived).sum().add(y[1].mul(arrived.flip(0)).sum()));
    return List.of(y[0].detach(), y[1].detach(), x.grad(), first.grad(), second.grad());
  }

  @Test
  @Tag("alone")
  void handlesAreFreed() {
    TunedProducts products = new TunedProducts(lt, new UserCache(folder));
    Case map = cases().get(2);
    ProductShape shape = map.shape();
    try (Grad off = Grad.off()) {
      Handles.assertFlat(50, () -> products.multiply(shape, map.left, map.right, map.to));
      Handles.assertFlat(
          3,
          () ->
              assertThat(ProductTuner.choose(lt, shape, map.left, map.right, map.to)).isPresent());
    }
  }
}
