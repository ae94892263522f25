package dev.hydra.mixer.mamba;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.tck.Conformance;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class MambaConformanceTest {
  @TestFactory
  Stream<DynamicTest> conforms() {
    return checks("state = 8, chunk = 8");
  }

  @TestFactory
  Stream<DynamicTest> conformsWithNormsAndBiases() {
    return checks(
        "state = 4, inner = 24, chunk = 7, bias = true, conv-bias = false, conv-kernel = 3,"
            + " dt-rank = 3, bcdt-norm = true, norm-epsilon = 1e-4");
  }

  @TestFactory
  Stream<DynamicTest> conformsWithOneTokenAChunk() {
    return checks("state = 1, expand = 1, chunk = 1, bcdt-norm = true");
  }

  private static Stream<DynamicTest> checks(String options) {
    return Conformance.of(new MambaFactory()).options(options).width(16).tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }
}
