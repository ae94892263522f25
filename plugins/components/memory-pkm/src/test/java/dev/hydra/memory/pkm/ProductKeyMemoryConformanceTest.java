package dev.hydra.memory.pkm;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.tck.Conformance;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class ProductKeyMemoryConformanceTest {
  @TestFactory
  Stream<DynamicTest> normalisedQueries() {
    return conforms("keys = 8, key-dim = 8, value-dim = 12, heads = 2, top-k = 3");
  }

  @TestFactory
  Stream<DynamicTest> rawQueries() {
    return conforms(
        "keys = 8, key-dim = 4, value-dim = 16, heads = 3, top-k = 2, query-norm = none");
  }

  @TestFactory
  Stream<DynamicTest> sharedTable() {
    return conforms("keys = 8, key-dim = 8, value-dim = 12, heads = 2, top-k = 3, shared = facts");
  }

  private static Stream<DynamicTest> conforms(String options) {
    return Conformance.of(new ProductKeyMemoryFactory()).options(options).tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }
}
