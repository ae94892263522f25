package dev.hydra.router.topk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.ConfigException;
import dev.hydra.api.Cost;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.StandaloneComponent;
import java.util.Arrays;
import java.util.Locale;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TopKRouterTest {
  private static final double EXACT = 1e-12;

  @ParameterizedTest
  @CsvSource({
    "1, SOFTMAX, true",
    "1, SOFTMAX, false",
    "2, SOFTMAX, true",
    "3, SIGMOID, false",
    "2, SIGMOID, true",
    "5, SOFTMAX, false",
    "5, SIGMOID, true"
  })
  void followsItsDefinition(int topK, Score score, boolean normalize) {
    double[][] weight = Routers.random(1, 5, 7);
    double[][] x = Routers.random(2, 20, 7);
    String options =
        "type = topk, top-k = %d, score = %s, normalize = %b"
            .formatted(topK, score.name().toLowerCase(Locale.ROOT), normalize);
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.build(options, weight);
        ForwardContext forward = ForwardContext.evaluation()) {
      double[][] expected = new NaiveRouter(weight, topK, score, normalize).tokens(x);
      double[][] actual = Routers.route(router, x, forward);
      for (int t = 0; t < x.length; t++) {
        assertArrayEquals(expected[t], actual[t], EXACT, "token " + t);
      }
    }
  }

  @Test
  void aSingleExpertTakesEverything() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.identity("type = topk, top-k = 1", 1);
        ForwardContext forward = ForwardContext.evaluation()) {
      double[][] routing = Routers.route(router, new double[][] {{3}, {-800}}, forward);
      assertArrayEquals(new double[] {1}, routing[0]);
      assertArrayEquals(new double[] {1}, routing[1]);
    }
  }

  @Test
  void scoresThatAllVanishGiveNoNaN() {
    String options = "type = topk, score = sigmoid";
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.identity(options, 3);
        ForwardContext forward = ForwardContext.evaluation()) {
      double[][] routing = Routers.route(router, new double[][] {{-800, -800, -800}}, forward);
      assertTrue(Arrays.stream(routing[0]).allMatch(Double::isFinite));
    }
  }

  @Test
  void refusesMoreChoicesThanExperts() {
    ConfigException error =
        assertThrows(
            ConfigException.class, () -> Routers.identity("type = topk\ntop-k = 4", 3).close());
    assertEquals(
        "String: 2: component.top-k: must be at most the number of experts, 3, but is 4",
        error.getMessage());
  }

  @Test
  void costsOneProduct() {
    try (StandaloneComponent router = Routers.build("type = topk", Routers.random(1, 5, 7))) {
      Cost cost = router.cost(Workload.sequence(10));
      assertEquals(2 * 10 * 5 * 7, cost.flops());
      assertEquals(0, cost.state());
      assertEquals(0, cost.idleParameters());
    }
  }
}
