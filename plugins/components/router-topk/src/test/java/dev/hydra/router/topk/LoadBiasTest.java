package dev.hydra.router.topk;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LoadBiasTest {
  private static final String BIAS = "component.bias";
  private static final String RATE = ", balance-loss = 0, z-loss = 0, bias-rate = 0.125";

  @ParameterizedTest
  @CsvSource({"softmax, true", "softmax, false", "sigmoid, true", "sigmoid, false"})
  void decidesTheChoiceAndNotTheWeights(String score, boolean normalize) {
    String options = "type = topk, score = %s, normalize = %b".formatted(score, normalize) + RATE;
    double[] logits = {2, 1, 0, -1};
    double[] scores = scores(logits, score);
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.identity(options, 4);
        ForwardContext forward = ForwardContext.evaluation()) {
      router.parameters().adjust(BIAS, Tensor.create(new float[] {0, -2, 0, 2}, 4));
      double[] routing = Routers.route(router, new double[][] {logits}, forward)[0];
      double scale = normalize ? scores[0] + scores[3] : 1;
      double[] expected = {scores[0] / scale, 0, 0, scores[3] / scale};
      assertArrayEquals(expected, routing, 1e-12);
    }
  }

  private static double[] scores(double[] logits, String score) {
    double[] powers = Arrays.stream(logits).map(Math::exp).toArray();
    double sum = Arrays.stream(powers).sum();
    boolean softmax = score.equals("softmax");
    return Arrays.stream(powers).map(p -> softmax ? p / sum : p / (1 + p)).toArray();
  }

  /** Of six choices two each would be even. */
  @ParameterizedTest
  @ValueSource(strings = {"topk", "chunk-topk, chunk = 1, summary = first-token"})
  void risesWhereTheLoadIsLow(String type) {
    double[][] x = {{5, 4, 0}, {5, 0, 4}, {5, 0, 4}};
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.identity("type = " + type + RATE, 3);
        ForwardContext forward = ForwardContext.training()) {
      router.forward(Routers.sequence(x), forward);
      assertEquals(Set.of(BIAS), forward.adjustments().keySet());
      Tensor delta = requireNonNull(forward.adjustments().get(BIAS));
      assertArrayEquals(new double[] {-0.125, 0.125, 0}, Tensors.numbers(delta));
      assertArrayEquals(new double[3], Tensors.numbers(bias(router)), "forwards change nothing");
    }
  }

  @Test
  void movesInTrainingOnly() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.identity("type = topk" + RATE, 3);
        ForwardContext forward = ForwardContext.evaluation()) {
      router.forward(Routers.sequence(new double[] {2, 1, 0}), forward);
      assertThat(forward.adjustments()).isEmpty();
    }
  }

  @Test
  void isNotThereByDefault() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.identity("type = topk", 3);
        ForwardContext forward = ForwardContext.training()) {
      router.forward(Routers.sequence(new double[] {2, 1, 0}), forward);
      assertThat(forward.adjustments()).isEmpty();
      assertEquals(1, router.parameters().all().size());
    }
  }

  /** Every token prefers the same two of eight experts; at the end all have their share. */
  @ParameterizedTest
  @CsvSource({
    "'topk', softmax",
    "'topk', sigmoid",
    "'chunk-topk, chunk = 4, summary = first-token', softmax",
    "'chunk-topk, chunk = 4, summary = previous-chunk', sigmoid"
  })
  void makesTheLoadEven(String type, String score) {
    int experts = 8;
    double[][] x = Routers.random(4, 512, experts);
    for (double[] token : x) {
      token[0] += 1.5;
      token[1] += 1;
    }
    String options = "type = " + type + ", score = " + score + ", balance-loss = 0, z-loss = 0";
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.identity(options + ", bias-rate = 0.004", experts)) {
      double before = highestLoad(router, x);
      for (int step = 0; step < 300; step++) {
        try (ForwardContext forward = ForwardContext.training()) {
          router.forward(Routers.sequence(x), forward);
          assertThat(forward.losses()).isEmpty();
          forward.adjustments().forEach(router.parameters()::adjust);
        }
      }
      double after = highestLoad(router, x);
      assertTrue(before > 0.35, "the load was uneven: " + before);
      assertTrue(after < 1.2 / experts, "the load is even: " + after);
    }
  }

  private static double highestLoad(StandaloneComponent router, double[][] x) {
    try (ForwardContext forward = ForwardContext.evaluation().observing()) {
      router.forward(Routers.sequence(x), forward);
      return Tensors.number(requireNonNull(forward.observations().get("component.load")).max());
    }
  }

  private static Tensor bias(StandaloneComponent router) {
    return router.parameters().all().stream()
        .filter(parameter -> parameter.name().equals(BIAS))
        .findFirst()
        .orElseThrow()
        .working();
  }
}
