package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.router.topk.ChunkTopKRouterFactory;
import dev.hydra.router.topk.TopKRouterFactory;
import dev.hydra.tck.Conformance;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class MossNetConformanceTest {
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Stream.of(
            "state = 8, chunk = 8, experts = 4",
            "state = 4, inner = 24, chunk = 7, bias = true, dt-rank = 3, bcdt-norm = true,"
                + " experts = 5, router { type = topk, top-k = 3, score = sigmoid,"
                + " normalize = false }",
            "state = 4, experts = 4, router { type = chunk-topk, chunk = 5 }",
            "state = 4, experts = 3, router { type = chunk-topk, chunk = 5, summary ="
                + " running-mean, top-k = 1 }")
        .flatMap(MossNetConformanceTest::checks);
  }

  private static Stream<DynamicTest> checks(String options) {
    return Conformance.of(new MossNetFactory())
        .with(new TopKRouterFactory(), new ChunkTopKRouterFactory())
        .options(options)
        .tests()
        .stream()
        .map(check -> dynamicTest("{" + options + "} " + check.name(), check::run));
  }
}
