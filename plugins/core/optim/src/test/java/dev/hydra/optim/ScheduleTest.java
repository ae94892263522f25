package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The schedules after the warm-up, as configurations ask for them. */
class ScheduleTest {
  private static final double EXACT = 1e-15;

  private static LearningRate rates(
      String schedule, double peak, double minRatio, int warmup, long total) {
    return OptimizerSettings.read(
            ConfigFactory.parseString(
                "schedule = %s, learning-rate = %s, min-ratio = %s, warmup-steps = %d"
                    .formatted(schedule, peak, minRatio, warmup)),
            Plugins.ALL)
        .learningRate(total);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cosine", "linear", "constant", "wsd", "inverse-sqrt"})
  void warmsUpInEqualStepsToThePeak(String schedule) {
    LearningRate rates = rates(schedule, 0.8, 0.1, 4, 100);
    assertEquals(0.2, rates.at(0), EXACT);
    assertEquals(0.4, rates.at(1), EXACT);
    assertEquals(0.6, rates.at(2), EXACT);
    assertEquals(0.8, rates.at(3), EXACT);
    assertTrue(rates.at(4) <= 0.8);
  }

  @Test
  void cosineFallsSlowlyThenFastThenSlowly() {
    LearningRate rates = rates("cosine", 2, 0.1, 5, 105);
    assertEquals(2, rates.at(4), EXACT);
    assertEquals(2 * (0.1 + 0.9 * (1 + Math.sqrt(0.5)) / 2), rates.at(29), EXACT);
    assertEquals(2 * 0.55, rates.at(54), EXACT);
    assertEquals(2 * (0.1 + 0.9 * (1 - Math.sqrt(0.5)) / 2), rates.at(79), EXACT);
    assertEquals(0.2, rates.at(104), EXACT);
  }

  @Test
  void linearFallsEvenly() {
    LearningRate rates = rates("linear", 2, 0.1, 0, 101);
    assertEquals(2, rates.at(0), EXACT);
    assertEquals(2 - 1.8 / 4, rates.at(25), EXACT);
    assertEquals(0.2, rates.at(100), EXACT);
  }

  @Test
  void constantStays() {
    LearningRate rates = rates("constant", 2, 0.1, 0, 100);
    assertEquals(2, rates.at(0));
    assertEquals(2, rates.at(99));
  }

  @Test
  void wsdStaysThenFalls() {
    for (String shape : new String[] {"linear", "cosine", "sqrt"}) {
      LearningRate rates =
          rates("{ type = wsd, decay-fraction = 0.4, shape = %s }".formatted(shape), 2, 0, 10, 101);
      assertEquals(2, rates.at(9), EXACT);
      assertEquals(2, rates.at(60), EXACT);
      double quarter =
          switch (shape) {
            case "linear" -> 0.75;
            case "cosine" -> (1 + Math.sqrt(0.5)) / 2;
            default -> 0.5;
          };
      assertEquals(2 * quarter, rates.at(70), EXACT, shape);
      assertEquals(0, rates.at(100), EXACT);
      assertEquals(0, rates.at(1000), EXACT);
    }
  }

  @Test
  void wsdOfAShortTrainingFallsRightAfterTheWarmUp() {
    LearningRate rates = rates("{ type = wsd, decay-fraction = 1, shape = linear }", 1, 0.1, 2, 5);
    assertEquals(1, rates.at(1), EXACT);
    assertEquals(0.7, rates.at(2), EXACT);
    assertEquals(0.1, rates.at(4), EXACT);
    assertEquals(1, rates("{ type = wsd, decay-fraction = 0 }", 1, 0.1, 2, 5).at(4), EXACT);
    assertEquals(1, rates("wsd", 1, 0.1, 200, 5).at(4), EXACT);
  }

  @Test
  void inverseSqrtFallsAsInThePaper() {
    LearningRate rates = rates("inverse-sqrt", 1, 0, 400, 100_000);
    for (int step = 400; step <= 100_000; step += 333) {
      assertEquals(Math.sqrt(400.0 / step), rates.at(step - 1L), EXACT);
    }
    assertEquals(0.25, rates("inverse-sqrt", 1, 0.25, 400, 100_000).at(99_999), EXACT);
    assertEquals(
        Math.sqrt(0.5), rates("{ type = inverse-sqrt, timescale = 7 }", 1, 0, 0, 9).at(7), EXACT);
    assertEquals(Math.sqrt(0.5), rates("inverse-sqrt", 1, 0, 0, 9).at(1), EXACT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cosine", "linear", "constant", "wsd"})
  void staysAfterTheLastStep(String schedule) {
    LearningRate rates = rates(schedule, 1, 0.25, 2, 10);
    assertEquals(rates.at(9), rates.at(10));
    assertEquals(rates.at(9), rates.at(1_000_000));
  }

  @Test
  void aSingleStepIsTheLast() {
    assertEquals(0.25, rates("cosine", 1, 0.25, 0, 1).at(0), EXACT);
    assertEquals(1, rates("cosine", 1, 0.25, 1, 1).at(0), EXACT);
  }

  @Test
  void whatNoRateCanBeIsRefusedWithTheNameOfTheSchedule() {
    LearningRate wild = new LearningRate(1, 2, "wild", step -> step == 5 ? Double.NaN : -1);
    assertEquals(0.5, wild.at(0));
    assertEquals(
        "schedule wild gives the factor NaN for step 5",
        assertThrows(IllegalStateException.class, () -> wild.at(5)).getMessage());
    assertThrows(IllegalStateException.class, () -> wild.at(6));
  }

  @Test
  void stepsOutOfOrderAreRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> new ScheduleContext(Plugins.noSettings(), 0.1, 5, 4));
  }
}
