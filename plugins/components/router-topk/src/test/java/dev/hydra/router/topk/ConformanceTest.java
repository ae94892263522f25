package dev.hydra.router.topk;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.tck.Conformance;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class ConformanceTest {
  @TestFactory
  Stream<DynamicTest> topk() {
    return Stream.of(
            "",
            "top-k = 1, normalize = false",
            "score = sigmoid",
            "score = sigmoid, bias-rate = 0.1",
            "score = sigmoid, normalize = false, top-k = 3, balance-loss = 0.5, z-loss = 0.5")
        .flatMap(options -> checks(options, Conformance.of(new TopKRouterFactory())));
  }

  @TestFactory
  Stream<DynamicTest> chunkTopk() {
    return Stream.of(
            "chunk = 5, summary = previous-chunk",
            "chunk = 5, summary = running-mean",
            "chunk = 5, summary = first-token",
            "chunk = 1, summary = previous-chunk, balance-loss = 0.5, z-loss = 0.5",
            "chunk = 8, summary = running-mean, score = sigmoid, normalize = false",
            "chunk = 3, bias-rate = 0.1",
            "chunk = 100, summary = previous-chunk")
        .flatMap(options -> checks(options, Conformance.of(new ChunkTopKRouterFactory())));
  }

  @TestFactory
  Stream<DynamicTest> tokenHash() {
    return Stream.of("", "top-k = 3, seed = 5")
        .flatMap(options -> checks(options, Conformance.of(new TokenHashRouterFactory())));
  }

  private static Stream<DynamicTest> checks(String options, Conformance conformance) {
    return conformance.options(options).tests().stream()
        .map(check -> dynamicTest("{" + options + "} " + check.name(), check::run));
  }
}
