package dev.hydra.libtorch.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PeakFlopsTest {
  @ParameterizedTest
  @CsvSource({
    "NVIDIA H100 80GB HBM3, 989.4e12",
    "NVIDIA H100 PCIe, 756e12",
    "NVIDIA H200, 989.4e12",
    "NVIDIA A100-SXM4-80GB, 312e12",
    "NVIDIA L40S, 362e12",
    "NVIDIA L4, 121e12"
  })
  void devicesAreKnownByPartsOfTheirNames(String name, double expected) {
    assertThat(PeakFlops.named(name)).hasValue(expected);
  }

  @ParameterizedTest
  @CsvSource("NVIDIA GeForce GTX 1080")
  void whatIsNotKnownHasNoFigure(String name) {
    assertThat(PeakFlops.named(name)).isEmpty();
  }
}
