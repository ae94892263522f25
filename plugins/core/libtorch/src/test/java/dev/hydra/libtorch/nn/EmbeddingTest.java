package dev.hydra.libtorch.nn;

import static dev.hydra.testing.Samples.assertClose;
import static dev.hydra.testing.Samples.normal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.kernels.KernelLaunches;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The function of its own, against the operators of LibTorch and their autograd. */
@ExtendWith(InScope.class)
class EmbeddingTest {
  private static final long ROWS = 11;

  private final Tensor table = normal(ROWS, 6);
  private final Tensor tokens = Tensor.create(3L, 0L, 10L, 3L, 3L, 7L, 0L, 3L).view(2, 4);
  private final Tensor arriving = normal(2, 4, 6);

  private List<Tensor> results(Function<Tensor, Tensor> lookup) {
    Tensor leaf = Samples.leaf(table, Devices.cpu(), ScalarType.Double);
    Tensor y = lookup.apply(leaf);
    Backward.run(y.mul(arriving).sum());
    return new ArrayList<>(List.of(y.detach(), leaf.grad()));
  }

  private static void assertSame(List<Tensor> expected, List<Tensor> found) {
    for (int i = 0; i < expected.size(); i++) {
      assertClose(expected.get(i), found.get(i));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {RowSums.NONE, 3, 10, 5})
  void rowsAndGradientAreThoseOfLibTorch(long untrained) {
    assertSame(
        results(leaf -> Embedding.plain(leaf, tokens, untrained, ScalarType.Double, 3)),
        results(leaf -> Embedding.apart(leaf, tokens, untrained, ScalarType.Double, 3)));
    assertSame(
        results(leaf -> Embedding.plain(leaf, tokens, untrained, ScalarType.Double, 1)),
        results(leaf -> Embedding.of(leaf, tokens, untrained(untrained), ScalarType.Double, 1)));
  }

  private static Optional<Integer> untrained(long token) {
    return token == RowSums.NONE ? Optional.empty() : Optional.of((int) token);
  }

  /** Whichever comes first in backward. */
  @Test
  void itAddsToTheGradientOfOthersAndTheyToIts() {
    Linear head = new Linear(normal(5, 6), Optional.empty());
    for (boolean first : new boolean[] {true, false}) {
      Function<Boolean, List<Tensor>> way =
          apart ->
              results(
                  leaf -> {
                    Tensor read = apart ? leaf : GradientSum.shared(leaf);
                    Tensor before = first ? map(read, head, apart) : null;
                    Tensor rows =
                        apart
                            ? Embedding.plain(read, tokens, 7, ScalarType.Double, 2)
                            : Embedding.apart(read, tokens, 7, ScalarType.Double, 2);
                    Tensor mapped = before == null ? map(read, head, apart) : before;
                    return rows.add(mapped.sin().sum());
                  });
      assertSame(way.apply(true), way.apply(false));
      assertEquals(0, GradientSum.waiting());
    }
  }

  private static Tensor map(Tensor x, Linear head, boolean apart) {
    return apart ? head.apply(x) : SharedInput.applyAll(x, head)[0];
  }

  @Test
  void aFrozenTableHasNoGradient() {
    Tensor x = normal(2, 4, 6).set_requires_grad(true);
    Tensor y = Embedding.apart(GradientSum.shared(table), tokens, 3, ScalarType.Double, 1);
    assertFalse(y.requires_grad());
    Backward.run(y.mul(x).sum());
    assertClose(y, x.grad());
    assertFalse(table.grad().defined());
  }

  @ParameterizedTest
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  @CsvSource({
    // tokens, of which go to one row, rows of the table, width
    "1, 0, 5, 8",
    "63, 63, 5, 48",
    "64, 64, 7, 20",
    "65, 40, 300, 3",
    "700, 300, 50, 264",
    "3000, 700, 1000, 512",
    "300, 0, 3000, 2048",
  })
  void kernelsAgreeWithFloat64AndThePlainTwin(int count, int often, int rows, int width) {
    Tensor numbers = tokens(count, often, rows);
    for (boolean tied : new boolean[] {false, true}) {
      Twins twins = new Twins().element("the table", Tensors.mul(normal(rows, width), 0.3));
      for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
        Twins.Operator read = in -> read(in.get("the table"), numbers, tied);
        twins.check(read, read, type, type);
      }
    }
  }

  /** What is read, or the loss that a head makes of it which has the same table. */
  private static Map<String, Tensor> read(Tensor table, Tensor numbers, boolean tied) {
    try (Device device = table.device()) {
      Tensor on = numbers.to(device, ScalarType.Long);
      Tensor shared = tied ? GradientSum.of(table) : table;
      ScalarType type = Tensors.type(Tensors.upcast(table.narrow(0, 0, 1)));
      Tensor y = Embedding.of(shared, on, Optional.of(1), type, 1.5);
      if (!tied) {
        return Map.of("what is read", y);
      }
      Tensor hidden = Tensors.mul(y.sin(), 4 / Math.sqrt(table.size(1)));
      return Map.of(
          "the loss",
          LinearCrossEntropy.of(Tensors.cast(hidden, Tensors.type(table)), shared, 1, on.flip(0)));
    }
  }

  private static Tensor tokens(int count, int often, int rows) {
    long[] values = new Random(count).longs(count, 0, rows).toArray();
    for (int i = 0; i < often; i++) {
      values[(int) ((long) i * 7919 % count)] = rows - 2L;
    }
    return Tensor.create(values);
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void manyTokensOfOneRowAreAsExactAsFew() {
    Device cuda = new Device("cuda");
    Tensor dy = normal(20_000, 64).to(cuda, ScalarType.Float);
    Tensor rows = torch.zeros_like(dy.select(1, 0)).to(ScalarType.Long);
    Tensor sums = Tensors.zeros(dy, ScalarType.BFloat16, 3, 64);
    KernelLaunches.demand(
        List.of("row_sums.cu"),
        () -> {
          RowSums.add(sums, rows, dy, 1, RowSums.NONE);
          return sums;
        });
    Samples.assertNear(
        "a sum",
        dy.to(ScalarType.Double).sum(0).cpu(),
        sums.select(0, 0).to(ScalarType.Double).cpu(),
        4e-3);
    assertThat(Tensors.numbers(sums.narrow(0, 1, 2).abs().sum())).containsExactly(0);
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void tokensThatAreNotInTheTableAreNotNumbers() {
    try (KernelMode.Setting kernels = KernelMode.FUSED.set()) {
      Device cuda = new Device("cuda");
      Tensor small = table.to(cuda, ScalarType.Float);
      Tensor numbers = Tensor.create(ROWS, 2L, -1L).to(cuda, ScalarType.Long);
      Tensor leaf = small.clone().detach().set_requires_grad(true);
      Tensor y = Embedding.of(leaf, numbers, Optional.empty(), ScalarType.Float, 1);
      assertThat(Tensors.numbers(y.isnan().all(1).to(ScalarType.Float))).containsExactly(1, 0, 1);
      Backward.run(y, torch.ones_like(y));
      Tensor expected = torch.zeros_like(small);
      expected.select(0, 2).fill_(new Scalar(1.0));
      assertThat(leaf.grad().equal(expected)).isTrue();
    }
  }
}
