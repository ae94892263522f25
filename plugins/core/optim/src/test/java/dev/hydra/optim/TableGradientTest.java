package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.Samples;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.LongStream;
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

/** Sparse gradients that are added up. */
@ExtendWith(InScope.class)
class TableGradientTest {
  private static final int ROWS = 40;
  private static final int ADDED = 3;

  /** What some gradients are together, of which each holds rows in any order and repeats some. */
  private static TableGradient added(
      Device device, ScalarType type, long width, int entries, NavigableSet<Long> held) {
    TableGradient all = TableGradient.of(torch.zeros(ROWS, width).to(device, type));
    for (int i = 0; i < ADDED; i++) {
      long[] rows = rows(i, entries);
      LongStream.of(rows).forEach(held::add);
      all.add(gradient(rows, values(i, entries, width).to(device, type)));
    }
    return all;
  }

  /** The first half of the entries are of any even row but the last, the others of row 4 alone. */
  private static long[] rows(int seed, int entries) {
    Random random = new Random(seed);
    return LongStream.range(0, entries)
        .map(entry -> entry < entries / 2 ? 2L * random.nextInt(ROWS / 2 - 1) : 4)
        .toArray();
  }

  private static Tensor values(int seed, long entries, long width) {
    return Tensor.create(
        new Random(100 + seed).doubles(entries * width, -1, 1).toArray(), entries, width);
  }

  private static Tensor gradient(long[] rows, Tensor values) {
    Tensor at = Tensor.create(rows, 1, rows.length).to(values.device(), ScalarType.Long);
    return torch.torch__sparse_coo_tensor_unsafe(at, values, new long[] {ROWS, values.size(1)});
  }

  private static void check(TableGradient found, NavigableSet<Long> held, long width, int entries) {
    Tensor expected = torch.zeros(ROWS, width).to(ScalarType.Double);
    for (int i = 0; i < ADDED; i++) {
      Tensor rows = Tensor.create(rows(i, entries), entries);
      expected.index_add_(0, rows, values(i, entries, width));
    }
    Samples.assertNear("the sum", expected, found.sum().cpu(), 2e-5);
    assertArrayEquals(
        held.stream().mapToLong(Long::longValue).toArray(),
        Tensors.integers(found.read().nonzero().view(-1)));
  }

  @Test
  void rowsAreAddedUpAndNoted() {
    NavigableSet<Long> held = new TreeSet<>();
    try (TableGradient all = added(Devices.cpu(), ScalarType.Double, 5, 60, held)) {
      check(all, held, 5, 60);
      assertTrue(held.size() < ROWS / 2 + 1, "of no odd row");
    }
  }

  /** A row that was read is one whose moments a step moves on, whatever its gradient. */
  @Test
  void aRowThatHoldsZerosIsNotedTooAndNoRowChangesNothing() {
    try (TableGradient all = TableGradient.of(torch.zeros(ROWS, 2))) {
      all.add(gradient(new long[0], torch.zeros(0, 2)));
      assertEquals(0, Tensors.number(all.read().sum()));
      all.add(gradient(new long[] {7}, torch.zeros(1, 2)));
      assertArrayEquals(new long[] {7}, Tensors.integers(all.read().nonzero().view(-1)));
      assertEquals(0, Tensors.number(all.sum().abs().sum()));
    }
  }

  @Test
  void whatIsReadGoesWithADenseGradientOfItsRows() {
    Tensor table = torch.zeros(ROWS, 2);
    Tensor sum = torch.zeros(ROWS, 2);
    Tensor sparse = gradient(new long[] {1}, torch.zeros(1, 2));
    Tensor read = Tensors.zeros(table, ScalarType.Bool, ROWS);
    Tensor fewer = Tensors.zeros(table, ScalarType.Bool, ROWS - 1);
    assertTrue(parameter(table, sum, read).isTable());
    assertThrows(IllegalArgumentException.class, () -> parameter(table, sparse, read));
    assertThrows(IllegalArgumentException.class, () -> parameter(table, sum, fewer));
    assertThrows(IllegalArgumentException.class, () -> parameter(table, sum, torch.zeros(ROWS)));
  }

  private static OptimizedParameter parameter(Tensor table, Tensor gradient, Tensor read) {
    return new OptimizedParameter(
        "table", table, gradient, Optional.empty(), false, Optional.of(read));
  }

  /** Rows of one piece and of more, of columns that go four at once and of others. */
  @ParameterizedTest
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  @CsvSource({
    "1, 60, FUSED",
    "6, 200, FUSED",
    "512, 60, FUSED",
    "516, 1, FUSED",
    "2050, 200, FUSED",
    "6, 200, PLAIN",
    "512, 5000, PLAIN",
    "512, 5000, FUSED"
  })
  void onCudaAsOnACpuAndTheSameEveryTime(long width, int entries, KernelMode mode) {
    NavigableSet<Long> held = new TreeSet<>();
    Device cuda = new Device("cuda:0");
    try (KernelMode.Setting kernels = mode.set();
        TableGradient all = added(cuda, ScalarType.Float, width, entries, held)) {
      check(all, held, width, entries);
      for (int i = 0; i < 5; i++) {
        try (TableGradient again = added(cuda, ScalarType.Float, width, entries, held)) {
          assertTrue(again.sum().equal(all.sum()));
        }
      }
    }
  }
}
