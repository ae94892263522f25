package dev.hydra.experiments;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.experiments.measure.Measured;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ModelOutcomeTest {
  private static TrialResult result(int steps, boolean finished, double accuracy, double loss) {
    return new TrialResult(steps, finished, accuracy, loss, Map.of(), Measured.NONE, 1, List.of());
  }

  private static double best(TrialResult low, TrialResult middle, TrialResult high) {
    Map<Double, TrialResult> sweep = new LinkedHashMap<>();
    sweep.put(1e-3, low);
    sweep.put(1e-2, middle);
    sweep.put(1e-1, high);
    return ModelOutcome.best(sweep, Selection.ACCURACY);
  }

  @Test
  void byLossThatOfTheLowestLossIsChosen() {
    Map<Double, TrialResult> sweep = new LinkedHashMap<>();
    sweep.put(1e-3, result(9, true, .9, .5));
    sweep.put(1e-2, result(9, true, .8, .4));
    sweep.put(1e-1, result(9, false, .7, .3));
    assertEquals(1e-2, ModelOutcome.best(sweep, Selection.LOSS));
  }

  @Test
  void theMostAccurateRateIsChosen() {
    assertEquals(
        1e-2, best(result(9, true, .5, .1), result(9, true, .7, .9), result(9, true, .6, .2)));
  }

  @Test
  void ofEqualOnesTheFasterThenThatOfTheLowerLoss() {
    assertEquals(
        1e-1, best(result(9, true, 1, .1), result(8, true, 1, .1), result(7, true, 1, .9)));
    assertEquals(
        1e-2, best(result(9, true, 0, .3), result(9, true, 0, .1), result(9, true, 0, .2)));
  }

  @Test
  void aRateThatDivergedComesLast() {
    assertEquals(
        1e-3,
        best(result(9, true, .1, 2), result(3, false, .9, .1), result(4, false, .9, Double.NaN)));
  }

  @Test
  void theSpreadIsThatOfASample() {
    Spread spread = Spread.of(List.of(1.0, 2.0, 3.0));
    assertEquals(2, spread.mean());
    assertEquals(1, spread.deviation());
    assertEquals(0, Spread.of(List.of(5.0)).deviation());
  }

  @Test
  void resultsAreReadAsTheyWereWritten() {
    TrialResult result =
        new TrialResult(
            7,
            false,
            .25,
            Double.NaN,
            Map.of("six", .5),
            new Measured(
                Map.of("nmi", .5, "loss", Double.NaN),
                Map.of("beta", List.of(List.of(0.0, 0.0), List.of(1.0, 1.0)))),
            1.5,
            List.of(new TrialResult.Point(7, Double.POSITIVE_INFINITY, Double.NaN, .25)));
    assertEquals(result, TrialResult.of(result.json()));
  }
}
