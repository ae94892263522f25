package com.example.hydra.ema;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.tck.Conformance;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class EmaTest {
  /** Causality, gradients, state, packing and more, as for Hydra's own components. */
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Conformance.of(new EmaFactory()).options("horizon = 4").tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }
}
