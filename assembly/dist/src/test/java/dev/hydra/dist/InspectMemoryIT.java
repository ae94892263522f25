package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.jr.ob.JSON;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code inspect} says of a training step's memory, against what was measured. */
class InspectMemoryIT {
  private static final double GIB = 1L << 30;

  @TempDir Path folder;

  private Hydra.Result inspect(String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of("inspect", "--json"));
    all.addAll(List.of(arguments));
    return new Hydra(Hydra.HOME.resolve("bin/hydra"), folder)
        .in(folder)
        .run(all.toArray(String[]::new));
  }

  /** The memory of a training step, in GiB. */
  private double training(String... arguments) throws Exception {
    Hydra.Result result = inspect(arguments);
    assertEquals(0, result.exitCode(), result.toString());
    Map<String, Object> json = JSON.std.mapFrom(String.join("\n", result.out()));
    Map<?, ?> length = (Map<?, ?>) ((List<?>) json.get("lengths")).get(0);
    return ((Number) length.get("training_bytes")).doubleValue() / GIB;
  }

  /** {@code hydra bench train} on one H200, bfloat16, fused kernels, captured: its peak in GiB. */
  @ParameterizedTest
  @CsvSource({
    "hydra-1.6b, 1, 8192, 36.39",
    "hydra-1.6b, 4, 2048, 36.40",
    "hydra-1.6b, 1, 16384, 51.94"
  })
  void theMeasuredPeakIsPredicted(String model, String batch, String tokens, double measured)
      throws Exception {
    double predicted = training("models/" + model, "--batch", batch, "--lengths", tokens);
    assertThat(predicted).isCloseTo(measured, withinPercentage(10));
  }

  @Test
  void recomputationTakesLessAndAccumulationMore() throws Exception {
    double whole = with("trainer.recompute=none");
    double half = with("trainer.recompute=selective");
    assertThat(half).isLessThan(whole);
    assertThat(with("trainer.recompute=full")).isLessThan(half);
    assertThat(with("trainer.accumulate=2")).isGreaterThan(whole);
  }

  private double with(String setting) throws Exception {
    return training("models/hydra-1.6b", "--lengths", "16384", "--set", setting);
  }

  @Test
  void aBatchOfNothingIsRefused() throws Exception {
    Hydra.Result result = inspect("models/hydra-tiny", "--batch", "0");
    assertEquals(2, result.exitCode(), result.toString());
    assertThat(result.toString()).contains("--batch must be at least 1");
  }
}
