package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Parameters whose gradient holds a few rows. */
@ExtendWith(InScope.class)
class SparseRowsTest {
  private static final AdamW.Constants CONSTANTS = new AdamW.Constants(0.9, 0.95, 1e-8, 0.1);
  private static final int ROWS = 9;
  private static final int DIM = 4;

  /** Row by row against the algorithm, which a row that is not touched does not run. */
  @Test
  void touchedRowsFollowTheAlgorithmAndOthersRest() {
    Random random = new Random(1);
    double[] start = random.doubles(ROWS * DIM, -1, 1).toArray();
    double[] expected = start.clone();
    double[] average = new double[start.length];
    double[] square = new double[start.length];
    OptimizedParameter table = table(Tensor.create(start.clone(), ROWS, DIM));
    try (AdamW optimizer = new AdamW(List.of(table), CONSTANTS, Map.of())) {
      for (int step = 1; step <= 30; step++) {
        long[] rows = rows(step);
        double[] values = random.doubles((long) rows.length * DIM, -1, 1).toArray();
        fill(table.gradient(), rows, values);
        optimizer.step(0.01 * step);
        for (int i = 0; i < values.length; i++) {
          int at = (int) rows[i / DIM] * DIM + i % DIM;
          average[at] = 0.9 * average[at] + 0.1 * values[i];
          square[at] = 0.95 * square[at] + 0.05 * values[i] * values[i];
          double root = Math.sqrt(square[at] / (1 - Math.pow(0.95, step))) + 1e-8;
          expected[at] -= 0.01 * step * average[at] / (1 - Math.pow(0.9, step)) / root;
        }
      }
    }
    // The learning rate is a float32.
    assertArrayEquals(expected, Tensors.numbers(table.master()), 1e-5);
    assertArrayEquals(
        Arrays.copyOfRange(start, 0, DIM),
        Arrays.copyOf(Tensors.numbers(table.master()), DIM),
        "row 0 is never touched");
  }

  /** None, one, or several of rows 1 to 8, in order. */
  private static long[] rows(int step) {
    SplittableRandom random = new SplittableRandom(step);
    return LongStream.range(1, ROWS)
        .filter(row -> step % 5 != 0 && random.nextInt(3) == 0)
        .toArray();
  }

  @Test
  void allRowsTouchedIsTheDenseStepBitForBit() {
    Tensor start = Tensor.create(new Random(2).doubles(ROWS * DIM).toArray(), ROWS, DIM);
    Tensor master = start.to(ScalarType.Float);
    OptimizedParameter sparse = table(master.clone());
    OptimizedParameter dense =
        new OptimizedParameter("table", master.clone(), torch.zeros_like(master), false);
    long[] all = LongStream.range(0, ROWS).toArray();
    try (AdamW one = new AdamW(List.of(sparse), CONSTANTS, Map.of());
        AdamW two = new AdamW(List.of(dense), CONSTANTS, Map.of())) {
      for (int step = 0; step < 20; step++) {
        double[] values = new Random(step).doubles(ROWS * DIM, -1, 1).toArray();
        fill(sparse.gradient(), all, values);
        dense.gradient().copy_(Tensor.create(values, ROWS, DIM));
        one.step(0.01);
        two.step(0.01);
        assertTrue(sparse.master().equal(dense.master()), "step " + step);
      }
      one.exportState()
          .forEach((name, tensor) -> assertTrue(tensor.equal(two.exportState().get(name)), name));
    }
  }

  @Test
  void aRestoredOptimizerContinuesBitForBit() {
    OptimizedParameter whole = table(Tensor.create(new float[ROWS * DIM], ROWS, DIM));
    OptimizedParameter resumed = table(Tensor.create(new float[ROWS * DIM], ROWS, DIM));
    Map<String, Tensor> saved = new HashMap<>();
    try (AdamW first = new AdamW(List.of(whole), CONSTANTS, Map.of());
        AdamW second = new AdamW(List.of(resumed), CONSTANTS, Map.of())) {
      run(first, whole, 1, 10);
      first.exportState().forEach((name, tensor) -> saved.put(name, tensor.clone()));
      resumed.master().copy_(whole.master());
      second.importState(saved);
      run(first, whole, 10, 20);
      run(second, resumed, 10, 20);
      assertTrue(whole.master().equal(resumed.master()));
      assertTrue(Tensors.number(whole.master().abs().max()) > 0);
    }
  }

  private static void run(AdamW optimizer, OptimizedParameter table, int from, int to) {
    for (int step = from; step < to; step++) {
      long[] rows = rows(step);
      fill(table.gradient(), rows, new Random(step).doubles((long) rows.length * DIM).toArray());
      optimizer.step(0.01);
    }
  }

  @Test
  void clippingCountsTheRows() {
    Tensor dense = Tensor.create(new double[] {2, -4}, 2);
    Tensor sparse = noRows(dense);
    fill(sparse, new long[] {1, 7}, new double[] {0, 5, 0, 0, 6, 0, 12, 0});
    try (GradientClip clip = new GradientClip(List.of(dense, sparse), 3)) {
      assertEquals(15, Tensors.number(clip.clip()), 1e-12);
      double scale = 3 / (15 + 1e-6);
      assertArrayEquals(new double[] {2 * scale, -4 * scale}, Tensors.numbers(dense), 1e-12);
      double[] expected = new double[ROWS * DIM];
      expected[DIM + 1] = 5 * scale;
      expected[7 * DIM] = 6 * scale;
      expected[7 * DIM + 2] = 12 * scale;
      assertArrayEquals(expected, Tensors.numbers(sparse.to_dense()), 1e-12);
      sparse.zero_();
      dense.copy_(Tensor.create(new double[] {3, 4}, 2));
      assertEquals(5, Tensors.number(clip.clip()), 1e-12);
    }
  }

  /** Rows that are there twice would be updated twice, or once by half of their gradient. */
  @Test
  void rowsHeldTwiceAreRefused() {
    OptimizedParameter table = table(Tensor.create(new float[ROWS * DIM], ROWS, DIM));
    Tensor twice =
        torch.sparse_coo_tensor(
            Tensor.create(new long[] {3, 3}, 1, 2),
            Tensor.create(new float[2 * DIM], 2, DIM),
            Tensors.sizes(table.master()));
    table.gradient().add_(twice).add_(twice);
    try (AdamW optimizer = new AdamW(List.of(table), CONSTANTS, Map.of());
        GradientClip clip = new GradientClip(List.of(table.gradient(), Tensor.create(1.0f)), 1)) {
      assertThrows(RuntimeException.class, optimizer::step);
      assertThrows(RuntimeException.class, clip::clip);
    }
  }

  @Test
  void memoryStaysFlat() {
    OptimizedParameter table = table(Tensor.create(new float[ROWS * DIM], ROWS, DIM));
    try (AdamW optimizer = new AdamW(List.of(table), CONSTANTS, Map.of());
        GradientClip clip = new GradientClip(List.of(table.gradient(), Tensor.create(1.0f)), 1)) {
      Runnable round =
          () -> {
            fill(table.gradient(), new long[] {2, 3}, new double[2 * DIM]);
            clip.clip();
            optimizer.step(1e-3);
          };
      Handles.assertFlat(200, round);
    }
  }

  private static OptimizedParameter table(Tensor master) {
    return new OptimizedParameter("table", master, noRows(master), false);
  }

  private static Tensor noRows(Tensor like) {
    Tensor none = Tensors.zeros(like, 0, DIM);
    return coalesced(Tensor.create(new long[0], 1, 0), none);
  }

  /** Replaces what a gradient holds. */
  private static void fill(Tensor gradient, long[] rows, double[] values) {
    Tensor held = Tensor.create(values, rows.length, DIM).to(Tensors.type(gradient));
    gradient.copy_(coalesced(Tensor.create(rows, 1, rows.length), held));
  }

  private static Tensor coalesced(Tensor rows, Tensor values) {
    long[] sizes = {ROWS, DIM};
    return torch.sparse_coo_tensor(
        rows, values, sizes, new TensorOptions(), new BoolOptional(true));
  }
}
