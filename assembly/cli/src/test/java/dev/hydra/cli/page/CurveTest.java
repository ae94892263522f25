package dev.hydra.cli.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class CurveTest {
  private static Curve curve(double... xy) {
    Curve.Builder curve = new Curve.Builder();
    for (int i = 0; i < xy.length; i += 2) {
      curve = curve.add(xy[i], xy[i + 1]);
    }
    return curve.build();
  }

  @Test
  void interpolatesBetweenPointsAndSaysNothingOutside() {
    Curve curve = curve(10, 4, 20, 2, 40, 1);
    assertEquals(OptionalDouble.of(4), curve.at(10));
    assertEquals(OptionalDouble.of(3), curve.at(15));
    assertEquals(OptionalDouble.of(1.25), curve.at(35));
    assertEquals(OptionalDouble.of(1), curve.at(40));
    assertEquals(OptionalDouble.empty(), curve.at(9.9));
    assertEquals(OptionalDouble.empty(), curve.at(40.1));
    assertEquals(OptionalDouble.empty(), curve().at(1));
  }

  @Test
  void leavesOutWhatIsNotFiniteAndTakesTheLaterOfTwoAtOnePlace() {
    assertEquals(curve(1, 5, 3, 7), curve(1, 4, 1, 5, 2, Double.NaN, Double.NaN, 3, 3, 7));
  }

  @Test
  void smoothsWithMeansOfBothSidesAlike() {
    assertEquals(
        curve(0, 0, 1, 2, 2, 4, 3, 11 / 3.0, 4, 2),
        curve(0, 0, 1, 3, 2, 3, 3, 6, 4, 2).smoothed(3));
  }

  @Test
  void thinsButKeepsTheLeastAndTheGreatest() {
    Curve.Builder all = new Curve.Builder();
    for (int i = 0; i < 10_000; i++) {
      all = all.add(i, i == 5_000 ? 99 : i == 7_777 ? -99 : Math.sin(i));
    }
    Curve thin = all.build().thinned(100);
    assertThat(thin.points()).hasSizeLessThanOrEqualTo(102);
    assertThat(thin.points())
        .contains(new Curve.Point(5_000, 99), new Curve.Point(7_777, -99))
        .isSortedAccordingTo((a, b) -> Double.compare(a.x(), b.x()));
  }
}
