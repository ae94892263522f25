package dev.hydra.mixer.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.api.Workload;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.tck.Conformance;
import dev.hydra.testing.PeakMemory;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FullTest {
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Stream.of(
            "",
            "heads = 4, kv-heads = 2",
            "qk-norm = true, bias = all, rope-dim = 2",
            "bias = qkv, rope-scaling = yarn, rope-factor = 4, rope-original-length = 8",
            "soft-cap = 0.5, kv-heads = 1, scale = 3")
        .flatMap(
            options ->
                Conformance.of(new FullFactory()).options(options).tests().stream()
                    .map(check -> dynamicTest("[" + options + "] " + check.name(), check::run)));
  }

  @ParameterizedTest
  @CsvSource({"4, 4, 4, 7", "4, 1, 6, 20", "6, 2, 4, 33", "15, 5, 2, 9", "2, 2, 8, 600"})
  void equalsPlainLoops(int heads, int kvHeads, int headDim, int time) {
    compare(
        String.format("heads = %d, kv-heads = %d, head-dim = %d", heads, kvHeads, headDim),
        NaiveAttention.of(heads, kvHeads, headDim, (query, key) -> true),
        time);
  }

  @Test
  void normBiasPartialRotationAndScaleEqualPlainLoops() {
    List<Double> frequencies = NaiveAttention.frequencies(4, 500);
    compare(
        "heads = 3, head-dim = 6, qk-norm = true, qk-norm-epsilon = 0.01, bias = all"
            + ", rope-dim = 4, rope-theta = 500, scale = 0.7",
        new NaiveAttention(
            3, 3, 6, frequencies, 1, 0.7, Double.POSITIVE_INFINITY, 0.01, (query, key) -> true),
        25);
  }

  @Test
  void softCapEqualsPlainLoops() {
    compare(
        "heads = 4, kv-heads = 2, head-dim = 6, soft-cap = 0.8, scale = 2",
        NaiveAttention.of(4, 2, 6, (query, key) -> true).withScores(2, 0.8),
        150);
  }

  /** Chunks over several blocks of queries, with and without a bound of the scores. */
  @ParameterizedTest
  @ValueSource(strings = {"", "soft-cap = 0.5"})
  void longChunksEqualTheWhole(String options) {
    try (Trial trial = new Trial(new FullFactory(), options, 16, ScalarType.Double)) {
      trial.chunksEqualTheWhole(trial.input(2, 700, 16), 150, 151, 500, 513);
      trial.documentsEqualSeparateOnes(trial.input(1, 700, 16), 150, 151, 500, 513);
    }
  }

  /** One bool for every pair of 32k tokens would be 1 GiB. */
  @Test
  void memoryOfDocumentsIsLinear() {
    String options = "head-dim = 2, heads = 1";
    try (Trial trial = new Trial(new FullFactory(), options, 2, ScalarType.Float)) {
      Tensor x = trial.input(1, 1 << 15, 2);
      Tensor numbers = Positions.over(Tensors.range(0, 1 << 15, x), 1 << 13).unsqueeze(0);
      PeakMemory.assertBelow(
          1L << 28,
          () -> {
            try (PointerScope scope = new PointerScope();
                ForwardContext forward = ForwardContext.training().withDocuments(numbers);
                Grad off = Grad.off()) {
              trial.component().forward(x, forward);
            }
          });
    }
  }

  @Test
  void rotationCanBeLeftOut() {
    compare(
        "heads = 2, head-dim = 5, rope-dim = 0, bias = qkv",
        new NaiveAttention(
            2,
            2,
            5,
            List.of(),
            1,
            1 / Math.sqrt(5),
            Double.POSITIVE_INFINITY,
            1e-6,
            (query, key) -> true),
        12);
  }

  @ParameterizedTest
  @CsvSource({"none, 0, 4", "qkv, 3, 7", "all, 4, 8"})
  void biasesOfTheProjections(String bias, int biases, int parameters) {
    try (Trial trial = new Trial(new FullFactory(), "bias = " + bias, 16, ScalarType.Float)) {
      assertEquals(parameters, trial.parameters().size());
      assertEquals(
          biases, trial.parameters().keySet().stream().filter(n -> n.endsWith(".bias")).count());
      assertEquals(bias.equals("all"), trial.parameters().containsKey("o_proj.bias"));
    }
  }

  private static void compare(String options, NaiveAttention naive, int time) {
    try (Trial trial = new Trial(new FullFactory(), options, 10, ScalarType.Double)) {
      trial.equalsLoops(naive, trial.input(2, time, 10));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "heads = 3 | 3 does not divide the width 16; choose a divisor or set head-dim",
        "heads = 4, kv-heads = 3 | 3 does not divide heads = 4; choose a divisor",
        "head-dim = 5 | 5 is odd, but rotary positions turn pairs; choose an even rope-dim",
        "rope-dim = 3 | 3 is odd, but rotary positions turn pairs; choose an even rope-dim",
        "rope-dim = 8 | 8 is more than head-dim = 4; choose at most that",
        "rope-theta = 0 | must be above 0",
        "heads = 0 | must be at least 1",
        "soft-cap = 0 | must be above 0",
        "bias = true | unknown value \"true\". Known: all, none, qkv",
        "qk-norm-epsilon = 0.1 | has no effect without qk-norm",
        "qk-norm = true, qk-norm-epsilon = 0 | must be above 0",
      })
  void badOptionsNameTheRemedy(String options, String message) {
    String refusal = Trial.refusal(new FullFactory(), options);
    assertThat(refusal).contains(message);
  }

  @Test
  void cost() {
    try (Trial trial =
        new Trial(new FullFactory(), "heads = 4, kv-heads = 2", 16, ScalarType.Float)) {
      // Projections 2 T 16 (16 + 8 + 8 + 16), then 2 products over 55 pairs, 16 wide.
      assertEquals(
          2 * 10 * 16 * 48 + 4 * 55 * 16, trial.component().cost(Workload.sequence(10)).flops());
      assertEquals(2 * 8 * 107, trial.component().cost(new Workload(7, 100)).state());
    }
  }
}
