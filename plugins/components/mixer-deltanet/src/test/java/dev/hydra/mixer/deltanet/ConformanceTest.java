package dev.hydra.mixer.deltanet;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.tck.Conformance;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class ConformanceTest {
  @TestFactory
  Stream<DynamicTest> conforms() {
    return checks("head-dim = 8, chunk = 8");
  }

  @TestFactory
  Stream<DynamicTest> conformsWithOddSizesAndAChunkThatDoesNotDivideTime() {
    return checks(
        "heads = 3, head-dim = 5, value-dim = 7, chunk = 7, conv-kernel = 3, norm-epsilon = 1e-4");
  }

  @TestFactory
  Stream<DynamicTest> conformsWithOneTokenAChunk() {
    return checks("heads = 2, head-dim = 3, chunk = 1, conv-kernel = 2");
  }

  @TestFactory
  Stream<DynamicTest> conformsWithOneChunkAndSharedKeys() {
    return checks("heads = 2, head-dim = 4, value-heads = 6, value-dim = 3, chunk = 64");
  }

  @TestFactory
  Stream<DynamicTest> conformsWithNegativeEigenvalues() {
    return checks("heads = 2, head-dim = 4, chunk = 8, negative-eigenvalues = true");
  }

  private static Stream<DynamicTest> checks(String options) {
    return Conformance.of(new GatedDeltaNetFactory()).options(options).width(16).tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }
}
