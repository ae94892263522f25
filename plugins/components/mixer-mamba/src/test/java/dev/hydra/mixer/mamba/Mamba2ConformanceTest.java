package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.tck.Conformance;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class Mamba2ConformanceTest {
  @TestFactory
  Stream<DynamicTest> conforms() {
    return checks("state = 8, head-dim = 8, chunk = 8");
  }

  @TestFactory
  Stream<DynamicTest> conformsWithGroupsAndBiases() {
    return checks(
        "state = 4, head-dim = 4, groups = 2, chunk = 7, bias = true, conv-bias = false,"
            + " conv-kernel = 3, norm-groups = 2, dt-limit-low = 0.001, dt-limit-high = 0.05");
  }

  @TestFactory
  Stream<DynamicTest> conformsWithLearnedStateAndNormBeforeGate() {
    return checks(
        "state = 4, head-dim = 4, groups = 2, chunk = 7, inner = 24, norm = before-gate,"
            + " norm-groups = 3, initial-state = learned");
  }

  @TestFactory
  Stream<DynamicTest> conformsWithMultipliersAndNoNorm() {
    return checks(
        "state = 4, head-dim = 8, chunk = 16, norm = none, initial-state = learned,"
            + " multipliers = [0.5, 2, 0.75, -1.5, 0.25]");
  }

  /** Sizes that the CUDA kernels take. */
  @TestFactory
  Stream<DynamicTest> conformsWhereThereAreKernels() {
    return checks(
        "state = 16, head-dim = 16, groups = 2, chunk = 8, initial-state = learned,"
            + " dt-limit-low = 0.001, dt-limit-high = 0.5");
  }

  private static Stream<DynamicTest> checks(String options) {
    return Conformance.of(new Mamba2Factory()).options(options).width(16).tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }
}
