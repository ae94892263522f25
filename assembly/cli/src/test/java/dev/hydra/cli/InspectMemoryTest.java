package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code inspect} says of a training step's memory, against what was measured. */
class InspectMemoryTest {
  private static final double GIB = 1L << 30;

  private static double training(Object... arguments) throws IOException {
    List<Object> all = new ArrayList<>(List.of("inspect", "--json"));
    all.addAll(List.of(arguments));
    Map<String, Object> json = JSON.std.mapFrom(run(all.toArray()).done().out());
    Map<?, ?> length = (Map<?, ?>) ((List<?>) json.get("lengths")).get(0);
    return ((Number) length.get("training_bytes")).doubleValue() / GIB;
  }

  /** {@code hydra bench train} on one H200, bfloat16, fused kernels, captured: its peak in GiB. */
  @ParameterizedTest
  @CsvSource({
    "hydra-1.6b, 1, 8192, 37.95",
    "hydra-1.6b, 4, 2048, 38.38",
    "hydra-1.6b, 1, 16384, 55.2",
    "hydra-29m, 2, 8192, 4.24",
    "hydra-29m, 1, 16384, 4.24"
  })
  void theMeasuredPeakIsPredicted(String model, int batch, int tokens, double measured)
      throws IOException {
    double predicted =
        training("../../configs/models/" + model + ".conf", "--batch", batch, "--lengths", tokens);
    assertThat(predicted).isCloseTo(measured, withinPercentage(10));
  }

  @Test
  void recomputationTakesLessAndAccumulationMore() throws IOException {
    Object[] model = {"../../configs/models/hydra-1.6b.conf", "--lengths", 16384};
    double whole = training(model);
    double half = training(with(model, "trainer.recompute=selective"));
    double least = training(with(model, "trainer.recompute=full"));
    assertThat(half).isLessThan(whole);
    assertThat(least).isLessThan(half);
    assertThat(training(with(model, "trainer.accumulate=2"))).isGreaterThan(whole);
  }

  private static Object[] with(Object[] arguments, String setting) {
    List<Object> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--set", setting));
    return all.toArray();
  }

  @Test
  void aBatchOfNothingIsRefused() {
    run("inspect", "../../configs/models/hydra-tiny.conf", "--batch", 0)
        .refused(2, "--batch must be at least 1");
  }
}
