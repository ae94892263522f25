package dev.hydra.tck;

import dev.hydra.api.Settings;
import dev.hydra.optim.Schedule;
import dev.hydra.optim.ScheduleContext;
import dev.hydra.optim.ScheduleFactory;
import java.util.List;
import java.util.stream.LongStream;

/** Checks of a learning rate schedule. */
record ScheduleChecks(ScheduleFactory factory, Settings settings) {
  private static final double ROUNDING = 1e-9;

  /** First and last step: of one step, without and with a warm-up, all warm-up, many steps. */
  private static final List<long[]> TRAININGS =
      List.of(
          new long[] {0, 0},
          new long[] {0, 9},
          new long[] {4, 99},
          new long[] {99, 99},
          new long[] {1999, 1_000_000});

  List<Check> all() {
    return List.of(
        new Check("rates between 0 and the highest", this::range),
        new Check("the same rate for the same step", this::determinism));
  }

  private void range() {
    for (long[] training : TRAININGS) {
      for (double minRatio : new double[] {0, 0.1, 1}) {
        Schedule schedule = schedule(training, minRatio);
        for (long step : steps(training)) {
          double factor = schedule.factor(step);
          ContractViolation.unless(
              factor >= 0 && factor <= 1 + ROUNDING, at(training, step) + " gives " + factor);
        }
      }
    }
  }

  private void determinism() {
    for (long[] training : TRAININGS) {
      Schedule forwards = schedule(training, 0.1);
      Schedule backwards = schedule(training, 0.1);
      long[] steps = steps(training);
      double[] expected = LongStream.of(steps).mapToDouble(forwards::factor).toArray();
      for (int i = steps.length - 1; i >= 0; i--) {
        double again = backwards.factor(steps[i]);
        ContractViolation.unless(
            again == expected[i],
            at(training, steps[i])
                + " gives "
                + expected[i]
                + ", but "
                + again
                + " when it is asked for in another order");
      }
    }
  }

  private Schedule schedule(long[] training, double minRatio) {
    return factory.create(new ScheduleContext(settings, minRatio, training[0], training[1]));
  }

  private static String at(long[] training, long step) {
    return "step " + step + " of a schedule from step " + training[0] + " to " + training[1];
  }

  /** The first and last ones, some between, and some beyond the end. */
  private static long[] steps(long[] training) {
    long length = training[1] - training[0];
    return LongStream.concat(
            LongStream.rangeClosed(0, 200).map(i -> training[0] + length * i / 200),
            LongStream.of(training[1] + 1, training[1] + 1000))
        .toArray();
  }
}
