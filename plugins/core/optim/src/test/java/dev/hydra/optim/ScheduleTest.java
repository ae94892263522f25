package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.optim.Schedule.Decay;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ScheduleTest {
  private static final double EXACT = 1e-15;

  @ParameterizedTest
  @EnumSource(Decay.class)
  void warmsUpInEqualStepsToThePeak(Decay decay) {
    Schedule schedule = new Schedule(decay, 0.8, 0.1, 4, 100);
    assertEquals(0.2, schedule.at(0), EXACT);
    assertEquals(0.4, schedule.at(1), EXACT);
    assertEquals(0.6, schedule.at(2), EXACT);
    assertEquals(0.8, schedule.at(3), EXACT);
    assertTrue(schedule.at(4) <= 0.8);
  }

  @Test
  void cosineFallsSlowlyThenFastThenSlowly() {
    Schedule schedule = new Schedule(Decay.COSINE, 2, 0.1, 5, 105);
    assertEquals(2, schedule.at(4), EXACT);
    assertEquals(2 * (0.1 + 0.9 * (1 + Math.sqrt(0.5)) / 2), schedule.at(29), EXACT);
    assertEquals(2 * 0.55, schedule.at(54), EXACT);
    assertEquals(2 * (0.1 + 0.9 * (1 - Math.sqrt(0.5)) / 2), schedule.at(79), EXACT);
    assertEquals(0.2, schedule.at(104), EXACT);
  }

  @Test
  void linearFallsEvenly() {
    Schedule schedule = new Schedule(Decay.LINEAR, 2, 0.1, 0, 101);
    assertEquals(2, schedule.at(0), EXACT);
    assertEquals(2 - 1.8 / 4, schedule.at(25), EXACT);
    assertEquals(0.2, schedule.at(100), EXACT);
  }

  @Test
  void constantStays() {
    Schedule schedule = new Schedule(Decay.CONSTANT, 2, 0.1, 0, 100);
    assertEquals(2, schedule.at(0));
    assertEquals(2, schedule.at(99));
  }

  @ParameterizedTest
  @EnumSource(Decay.class)
  void staysAfterTheLastStep(Decay decay) {
    Schedule schedule = new Schedule(decay, 1, 0.25, 2, 10);
    assertEquals(schedule.at(9), schedule.at(10));
    assertEquals(schedule.at(9), schedule.at(1_000_000));
  }

  @Test
  void aSingleStepIsTheLast() {
    assertEquals(0.25, new Schedule(Decay.COSINE, 1, 0.25, 0, 1).at(0), EXACT);
    assertEquals(1, new Schedule(Decay.COSINE, 1, 0.25, 1, 1).at(0), EXACT);
  }

  @Test
  void aWarmUpThatDoesNotFitIsRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> new Schedule(Decay.COSINE, 1, 0.1, 101, 100));
    assertThrows(IllegalArgumentException.class, () -> new Schedule(Decay.COSINE, 1, 0.1, -1, 9));
    assertThrows(IllegalArgumentException.class, () -> new Schedule(Decay.COSINE, 1, 0.1, 0, 0));
  }
}
