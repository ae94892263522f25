package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.nn.Documents;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.FiniteDifferences;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Window and globals, in blocks and merged, against the formula with a dense mask in float64. */
class MergedAttentionTest {
  private static final double SCALE = 0.6;

  /** {@code before} earlier tokens, whose keys come first; a cap of 0 is none. */
  @ParameterizedTest
  @CsvSource({
    "4, 3, 2, 30, 0, 0",
    "4, 3, 2, 30, 7, 0",
    "1, 1, 3, 150, 0, 0",
    "40, 7, 5, 301, 0, 1.5",
    "40, 7, 5, 301, 44, 1.5",
    "130, 64, 2, 700, 0, 0",
    "200, 3, 70, 519, 95, 0",
    "5, 2, 0, 100, 0, 0.7",
    "20, 1, -1, 333, 0, 0",
    "150, 1, -1, 500, 81, 2",
    "2147483647, 1, -1, 257, 0, 1",
    "2147483647, 1, -1, 257, 33, 0"
  })
  void equalsTheFormula(int window, int every, int globals, int time, int before, double cap) {
    try (PointerScope scope = new PointerScope()) {
      SparsePattern pattern = new SparsePattern(window, every, globals);
      Optional<Double> softCap = softCap(cap);
      Tensor visible = visible(pattern, before, new int[] {before + time});
      new Formula(visible, SCALE, softCap)
          .check(
              x -> attend(x, pattern, SCALE, softCap, Optional.empty()),
              Formula.inputs(2, time, before + time, 6, 2, 3),
              1e-11);
    }
  }

  @ParameterizedTest
  @CsvSource({"40, 7, 5, 0", "20, 1, -1, 1.5", "2147483647, 1, -1, 0", "130, 20, 9, 1"})
  void documentsEqualTheFormula(int window, int every, int globals, double cap) {
    try (PointerScope scope = new PointerScope()) {
      SparsePattern pattern = new SparsePattern(window, every, globals);
      Optional<Double> softCap = softCap(cap);
      int[] one = {300, 1, 7, 250, 42};
      int[] two = {31, 569};
      Tensor visible = Tensors.cat(0, visible(pattern, 0, one), visible(pattern, 0, two));
      Tensor starts = Documents.starts(Tensors.cat(0, numbers(one), numbers(two)));
      new Formula(visible, SCALE, softCap)
          .check(
              x -> attend(x, pattern, SCALE, softCap, Optional.of(starts)),
              Formula.inputs(2, 600, 600, 4, 2, 3),
              1e-11);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1.2})
  void gradientsAreFiniteDifferences(double cap) {
    try (PointerScope scope = new PointerScope()) {
      SparsePattern pattern = new SparsePattern(3, 2, 2);
      Qkv x = Formula.inputs(1, 40, 44, 2, 1, 2);
      FiniteDifferences.check(() -> value(x, pattern, cap), x.q(), x.k(), x.v());
    }
  }

  private static Optional<Double> softCap(double cap) {
    return cap == 0 ? Optional.empty() : Optional.of(cap);
  }

  private static Tensor value(Qkv x, SparsePattern pattern, double cap) {
    Tensor y = attend(x, pattern, SCALE, softCap(cap), Optional.empty());
    return y.mul(Trial.random(5, Tensors.sizes(y))).sum();
  }

  /** The first keys are kept for globals; where there are none, nobody sees them. */
  @Test
  void keysBeforeTheWindowAreNotSeen() {
    try (PointerScope scope = new PointerScope()) {
      SparsePattern pattern = SparsePattern.local(9);
      Tensor seen = visible(pattern, 8, new int[] {58});
      Tensor visible = Tensors.cat(2, Tensors.zeros(seen, 1, 50, 5), seen);
      LocalAttention local = new BlockedAttention(new DenseAttention(SCALE, softCap(0)), 9);
      new Formula(visible, SCALE)
          .check(
              x ->
                  MergedAttention.run(
                      x, 5, local, Optional.empty(), Optional.empty(), Optional.empty()),
              Formula.inputs(2, 50, 63, 4, 2, 3),
              1e-11);
    }
  }

  /** Large scores neither overflow nor lose the others. */
  @Test
  void largeScoresStayFinite() {
    try (PointerScope scope = new PointerScope()) {
      SparsePattern pattern = new SparsePattern(3, 2, 2);
      Qkv x = Formula.inputs(1, 50, 50, 2, 1, 4);
      Qkv large = new Qkv(Tensors.mul(x.q(), 1e4).detach(), x.k(), x.v());
      Tensor y = attend(large, pattern, SCALE, Optional.empty(), Optional.empty());
      Tensor expected = new Formula(visible(pattern, 0, new int[] {50}), SCALE).apply(large);
      assertTrue(y.allclose(expected, 0, 1e-9, false));
      Backward.run(y.sum());
      assertTrue(x.k().grad().isfinite().all().item_bool());
    }
  }

  /** With the keys of all tokens before, in their order. */
  static Tensor attend(
      Qkv x,
      SparsePattern pattern,
      double scale,
      Optional<Double> softCap,
      Optional<Tensor> starts) {
    DenseAttention dense = new DenseAttention(scale, softCap);
    BlockPlan plan = BlockPlan.of(pattern, x.keys() - x.time(), x.time());
    boolean granted = plan.globals() > 0;
    return MergedAttention.run(
        x,
        0,
        LocalAttention.of(dense, pattern.window(), x, starts),
        starts,
        granted ? Optional.of(new GlobalAttention(dense, plan)) : Optional.empty(),
        granted ? Optional.of(BlockIndex.of(plan, starts, x.q())) : Optional.empty());
  }

  private static Tensor numbers(int... lengths) {
    Tensor[] parts = new Tensor[lengths.length];
    for (int i = 0; i < lengths.length; i++) {
      parts[i] = Tensors.mul(torch.ones(1, lengths[i]).to(ScalarType.Long), (long) i);
    }
    return Tensors.cat(1, parts);
  }

  /** What tokens see of keys [1, time, keys], documents of such lengths after each other. */
  private static Tensor visible(SparsePattern pattern, int before, int[] lengths) {
    int keys = Arrays.stream(lengths).sum();
    double[] seen = new double[(keys - before) * keys];
    int start = 0;
    for (int length : lengths) {
      for (int t = Math.max(0, before - start); t < length; t++) {
        for (int j = 0; j <= t; j++) {
          int place = (start + t - before) * keys + start + j;
          seen[place] = SparseGlobalTest.sees(pattern, t, j) ? 1 : 0;
        }
      }
      start += length;
    }
    return Tensor.create(seen).view(1, keys - before, keys).to(ScalarType.Bool);
  }
}
