package dev.hydra.router.topk;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.FiniteDifferences;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BalanceTest {
  private static final double EXACT = 1e-12;
  private static final String HALF = "type = topk, top-k = 1, balance-loss = 0.5, z-loss = 0.5";

  /** Probabilities (3/4, 1/4) and (7/8, 1/8). */
  private static final double[][] SKEWED = {{Math.log(3), 0}, {Math.log(7), 0}};

  /** Probabilities (3/4, 1/4) and (1/4, 3/4). */
  private static final double[][] EVEN = {{Math.log(3), 0}, {0, Math.log(3)}};

  @Test
  void oneExpertForAllCostsItsMeanProbabilityTimesTheExperts() {
    // f = (1, 0), P = (13/16, 3/16): 2 * 13/16 * 0.5
    assertEquals(13.0 / 16, loss(HALF, SKEWED, "balance"), EXACT);
  }

  @Test
  void evenLoadCostsTheCoefficient() {
    assertEquals(0.5, loss(HALF, EVEN, "balance"), EXACT);
    String both = "type = topk, top-k = 2, balance-loss = 0.5";
    assertEquals(0.5, loss(both, SKEWED, "balance"), EXACT);
  }

  @Test
  void zLossIsTheMeanSquareOfTheLogSumExp() {
    double expected = 0.5 * (Math.pow(Math.log(4), 2) + Math.pow(Math.log(8), 2)) / 2;
    assertEquals(expected, loss(HALF, SKEWED, "router-z"), EXACT);
  }

  @Test
  void chunksCountByTheirTokens() {
    // Tokens 0 to 2 are decided by the first, token 3 by the fourth: f = (3/4, 1/4), P = (5/8,
    // 3/8).
    double[][] x = {EVEN[0], EVEN[1], EVEN[1], EVEN[1]};
    String options =
        "type = chunk-topk, chunk = 3, summary = first-token, top-k = 1, balance-loss = 1";
    double expected = 2 * (0.75 * 0.625 + 0.25 * 0.375);
    assertEquals(expected, loss(options, x, "balance"), EXACT);
  }

  @Test
  void zeroSwitchesOff() {
    assertEquals(
        Set.of("component.router-z"), losses("type = topk, balance-loss = 0", SKEWED).keySet());
    assertEquals(Set.of("component.balance"), losses("type = topk, z-loss = 0", SKEWED).keySet());
  }

  @Test
  void evaluationHasNoLosses() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.identity(HALF, 2);
        ForwardContext forward = ForwardContext.evaluation()) {
      router.forward(Routers.sequence(SKEWED), forward);
      assertThat(forward.losses()).isEmpty();
      assertThat(forward.observations()).isEmpty();
    }
  }

  @Test
  void reportsLoadAndEntropy() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.identity(HALF, 2);
        ForwardContext forward = ForwardContext.evaluation().observing()) {
      router.forward(Routers.sequence(new double[] {0, 0}, SKEWED[0], SKEWED[1]), forward);
      Map<String, Tensor> seen = forward.observations();
      double[] load = Tensors.numbers(requireNonNull(seen.get("component.load")));
      assertEquals(1, load[0] + load[1], EXACT);
      assertTrue(load[0] >= 2.0 / 3);
      double expected = (entropy(0.5) + entropy(0.75) + entropy(0.875)) / 3;
      assertEquals(expected, Tensors.number(requireNonNull(seen.get("component.entropy"))), EXACT);
    }
  }

  private static double entropy(double p) {
    return -p * Math.log(p) - (1 - p) * Math.log(1 - p);
  }

  /** Each loss on its own, and the routing weights on their own. */
  @ParameterizedTest
  @ValueSource(strings = {"balance", "router-z", "routing"})
  void reachesTheWeight(String what) {
    for (String options : kinds().toList()) {
      try (PointerScope scope = new PointerScope();
          StandaloneComponent router = Routers.build(options, Routers.random(1, 5, 7))) {
        Tensor x = Routers.sequence(Routers.random(2, 11, 7));
        Tensor direction = Routers.sequence(Routers.random(3, 11, 5));
        Tensor weight = Routers.weight(router);
        FiniteDifferences.check(() -> objective(router, x, direction, what), weight);
        assertTrue(Tensors.number(weight.grad().abs().max()) > 1e-3, options);
      }
    }
  }

  /** Every router with every score, normalised or not. */
  private static Stream<String> kinds() {
    return Stream.of(
            "topk",
            "topk, bias-rate = 0.1",
            "chunk-topk, chunk = 3, summary = previous-chunk",
            "chunk-topk, chunk = 3, summary = running-mean",
            "chunk-topk, chunk = 3, summary = first-token")
        .flatMap(type -> Stream.of("softmax", "sigmoid").map(score -> type + ", score = " + score))
        .flatMap(kind -> Stream.of(true, false).map(flag -> kind + ", normalize = " + flag))
        .map(kind -> "type = " + kind + ", balance-loss = 1, z-loss = 1");
  }

  private static Tensor objective(
      StandaloneComponent router, Tensor x, Tensor direction, String what) {
    try (ForwardContext forward = ForwardContext.training()) {
      Tensor routing = router.forward(x, forward);
      return what.equals("routing")
          ? routing.mul(direction).sum()
          : requireNonNull(forward.losses().get("component." + what)).alias();
    }
  }

  private static double loss(String options, double[][] x, String name) {
    return requireNonNull(losses(options, x).get("component." + name));
  }

  private static Map<String, Double> losses(String options, double[][] x) {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = Routers.identity(options, 2);
        ForwardContext forward = ForwardContext.training()) {
      router.forward(Routers.sequence(x), forward);
      return forward.losses().entrySet().stream()
          .collect(Collectors.toMap(Map.Entry::getKey, entry -> Tensors.number(entry.getValue())));
    }
  }
}
