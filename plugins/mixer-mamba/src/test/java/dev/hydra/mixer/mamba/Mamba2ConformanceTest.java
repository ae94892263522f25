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

  private static Stream<DynamicTest> checks(String options) {
    return Conformance.of(new Mamba2Factory()).options(options).width(16).tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }
}
