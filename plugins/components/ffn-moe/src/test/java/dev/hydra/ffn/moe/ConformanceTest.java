package dev.hydra.ffn.moe;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.router.topk.ChunkTopKRouterFactory;
import dev.hydra.router.topk.TokenHashRouterFactory;
import dev.hydra.router.topk.TopKRouterFactory;
import dev.hydra.tck.Conformance;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class ConformanceTest {
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Stream.of(
            "hidden = 8, router { type = topk }",
            "hidden = 8, shared-hidden = 16, router { type = topk, score = sigmoid, normalize = false }",
            "hidden = 5, experts = 7, router { type = topk, top-k = 3 }",
            "hidden = 8, experts = 1, router { type = topk, top-k = 1 }",
            "hidden = 8, experts = 3, router { type = topk, top-k = 3 }",
            "hidden = 8, router { type = topk, bias-rate = 0.1 }",
            "hidden = 8, router { type = token-hash }",
            "hidden = 4, experts = 1024, router { type = token-hash, top-k = 3 }",
            "hidden = 8, router { type = chunk-topk, chunk = 5 }",
            "hidden = 8, router { type = chunk-topk, chunk = 5, summary = running-mean }",
            "hidden = 8, shared-hidden = 8, router { type = chunk-topk, summary = first-token }")
        .flatMap(ConformanceTest::checks);
  }

  private static Stream<DynamicTest> checks(String options) {
    return Conformance.of(new MoeFactory())
        .with(new TopKRouterFactory(), new ChunkTopKRouterFactory(), new TokenHashRouterFactory())
        .options(options)
        .tests()
        .stream()
        .map(check -> dynamicTest("{" + options + "} " + check.name(), check::run));
  }
}
