package dev.hydra.mixer.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.api.Cost;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.tck.Conformance;
import dev.hydra.testing.PeakMemory;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SparseGlobalTest {
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Stream.of(
            "",
            "window = 4, global-every = 3, globals = 2",
            "window = 1, global-every = 1, globals = 3, kv-heads = 2",
            "window = 5, global-every = 2, globals = 0, qk-norm = true",
            "window = 4, global-every = 2, globals = 2, soft-cap = 0.4, scale = 2",
            "window = 3, global-every = 7, globals = 100, kv-heads = 1")
        .flatMap(
            options ->
                Conformance.of(new SparseGlobalFactory()).options(options).tests().stream()
                    .map(check -> dynamicTest("[" + options + "] " + check.name(), check::run)));
  }

  /** The definition, counted from the window backwards; globals below 0 are none. */
  static boolean sees(SparsePattern pattern, int query, int key) {
    if (key > (long) query - pattern.window()) {
      return true;
    }
    if (pattern.globals() < 0 || key == 0 || key % pattern.every() != 0) {
      return pattern.globals() >= 0 && key == 0;
    }
    int newer = 0;
    for (int j = key + 1; j <= query - pattern.window(); j++) {
      newer += j % pattern.every() == 0 ? 1 : 0;
    }
    return newer < pattern.globals();
  }

  @ParameterizedTest
  @CsvSource({
    "4, 3, 2, 30",
    "1, 1, 3, 17",
    "1, 4, 2, 17",
    "5, 1, 4, 31",
    "8, 1, 100, 40",
    "7, 5, 0, 40",
    "100, 7, 3, 40",
    "16, 64, 64, 50",
    "200, 9, 6, 450",
    "128, 64, 3, 512",
    "130, 3, 20, 389"
  })
  void equalsPlainLoops(int window, int every, int globals, int time) {
    SparsePattern pattern = new SparsePattern(window, every, globals);
    NaiveAttention naive = NaiveAttention.of(6, 2, 4, (query, key) -> sees(pattern, query, key));
    try (Trial trial = trial(window, every, globals, ScalarType.Double)) {
      trial.equalsLoops(naive, trial.input(2, time, 10));
    }
  }

  /** Beyond the lengths of the conformance checks: more than one block, an odd cut in each. */
  @ParameterizedTest
  @CsvSource({"200, 9, 6", "130, 64, 1", "150, 1, 40"})
  void longChunksEqualTheWhole(int window, int every, int globals) {
    try (Trial trial = trial(window, every, globals, ScalarType.Double)) {
      trial.chunksEqualTheWhole(trial.input(2, 700, 10), 150, 151, 500, 513);
    }
  }

  @Test
  void stateStopsGrowing() {
    try (Trial trial = trial(8, 4, 3, ScalarType.Double);
        ModelState state = new ModelState()) {
      trial.continued(trial.input(1, 30, 10), state);
      long bytes = state.bytes();
      trial.continued(trial.input(1, 300, 10), state);
      assertEquals(bytes, state.bytes());
    }
  }

  /** Globals are many, and blocks hold the ends of several documents. */
  @Test
  void longDocumentsEqualSeparateOnes() {
    try (Trial trial = trial(140, 7, 9, ScalarType.Double)) {
      trial.documentsEqualSeparateOnes(trial.input(1, 900, 10), 300, 310, 315, 700, 701);
    }
  }

  @Test
  void costIsLinear() {
    try (Trial trial = trial(64, 16, 32, ScalarType.Float)) {
      Cost one = trial.component().cost(Workload.sequence(1 << 15));
      Cost two = trial.component().cost(Workload.sequence(1 << 16));
      assertEquals(2, two.flops() / one.flops(), 0.01);
      assertEquals(2, two.activations() / one.activations(), 0.01);
      assertEquals(one.state(), two.state());
      double decode = trial.component().cost(new Workload(1, 1 << 15)).flops();
      assertEquals(decode, trial.component().cost(new Workload(1, 1 << 16)).flops());
    }
  }

  @Test
  void costOfAWindowIsThatOfFullAttention() {
    try (Trial sparse = new Trial(new SparseGlobalFactory(), "window = 40", 8, ScalarType.Float);
        Trial full = new Trial(new FullFactory(), "", 8, ScalarType.Float)) {
      Workload window = Workload.sequence(40);
      assertEquals(full.component().cost(window).flops(), sparse.component().cost(window).flops());
    }
  }

  /** One bool for every pair of 64k tokens would be 4 GiB. */
  @Test
  void memoryIsLinear() {
    try (Trial trial = trial(64, 16, 32, ScalarType.Float)) {
      Tensor x = trial.input(1, 1 << 16, 10).set_requires_grad(true);
      PeakMemory.assertBelow(
          1L << 30,
          () -> {
            try (PointerScope scope = new PointerScope();
                ForwardContext forward = ForwardContext.training()) {
              trial.component().forward(x, forward).sum().backward();
            }
          });
      assertTrue(x.grad().defined());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "window = 0 | must be at least 1",
        "global-every = 0 | must be at least 1",
        "globals = -1 | must be at least 0",
        "heads = 5 | 5 does not divide the width 16; choose a divisor or set head-dim"
      })
  void badOptionsNameTheRemedy(String options, String message) {
    String refusal = Trial.refusal(new SparseGlobalFactory(), options);
    assertThat(refusal).contains(message);
  }

  private static Trial trial(int window, int every, int globals, ScalarType type) {
    String options =
        String.format(
            "heads = 6, kv-heads = 2, head-dim = 4, window = %d, global-every = %d, globals = %d",
            window, every, globals);
    return new Trial(new SparseGlobalFactory(), options, 10, type);
  }
}
