package dev.hydra.mixer.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.api.Cost;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.ModelState;
import dev.hydra.tck.Conformance;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SlidingWindowTest {
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Stream.of(
            "",
            "window = 4",
            "window = 1, kv-heads = 2",
            "window = 7, qk-norm = true, kv-heads = 1",
            "window = 23",
            "window = 6, soft-cap = 0.4, scale = 2, bias = qkv")
        .flatMap(
            options ->
                Conformance.of(new SlidingWindowFactory()).options(options).tests().stream()
                    .map(check -> dynamicTest("[" + options + "] " + check.name(), check::run)));
  }

  @ParameterizedTest
  @CsvSource({"1, 9", "4, 30", "33, 32", "33, 33", "33, 34", "100, 333", "200, 450", "300, 700"})
  void equalsPlainLoops(int window, int time) {
    NaiveAttention naive = NaiveAttention.of(6, 2, 4, (query, key) -> key > query - window);
    try (Trial trial = trial(window, ScalarType.Double)) {
      trial.equalsLoops(naive, trial.input(2, time, 10));
    }
  }

  @Test
  void aWindowOfTheWholeSequenceIsFullAttention() {
    try (Trial sliding = trial(50, ScalarType.Double);
        Trial full =
            new Trial(
                new FullFactory(),
                "heads = 6, kv-heads = 2, head-dim = 4",
                10,
                ScalarType.Double)) {
      Tensor x = sliding.input(2, 50, 10);
      assertTrue(sliding.forward(x).allclose(full.forward(x), 0, 1e-12, false));
      Workload whole = Workload.sequence(50);
      assertEquals(full.component().cost(whole).flops(), sliding.component().cost(whole).flops());
    }
  }

  /** More than one block, an odd cut in each. */
  @ParameterizedTest
  @ValueSource(ints = {1, 130, 200, 513})
  void longChunksEqualTheWhole(int window) {
    try (Trial trial = trial(window, ScalarType.Double)) {
      trial.chunksEqualTheWhole(trial.input(2, 700, 10), 150, 151, 500, 513);
    }
  }

  @Test
  void longDocumentsEqualSeparateOnes() {
    try (Trial trial = trial(140, ScalarType.Double)) {
      trial.documentsEqualSeparateOnes(trial.input(1, 900, 10), 300, 310, 315, 700, 701);
    }
  }

  @Test
  void stateIsTheWindow() {
    try (Trial trial = trial(8, ScalarType.Double);
        ModelState state = new ModelState()) {
      trial.continued(trial.input(1, 300, 10), state);
      assertEquals(2 * 8 * 8, state.elements());
    }
  }

  @Test
  void costIsLinear() {
    try (Trial trial = trial(64, ScalarType.Float)) {
      Cost one = trial.component().cost(Workload.sequence(1 << 15));
      Cost two = trial.component().cost(Workload.sequence(1 << 16));
      assertEquals(2, two.flops() / one.flops(), 0.01);
      assertEquals(2, two.activations() / one.activations(), 0.01);
      assertEquals(one.state(), two.state());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "window = 0 | must be at least 1",
        "global-every = 4 | unknown key \"global-every\"",
        "heads = 5 | 5 does not divide the width 16; choose a divisor or set head-dim"
      })
  void badOptionsNameTheRemedy(String options, String message) {
    String refusal = Trial.refusal(new SlidingWindowFactory(), options);
    assertThat(refusal).contains(message);
  }

  private static Trial trial(int window, ScalarType type) {
    String options = "heads = 6, kv-heads = 2, head-dim = 4, window = " + window;
    return new Trial(new SlidingWindowFactory(), options, 10, type);
  }
}
