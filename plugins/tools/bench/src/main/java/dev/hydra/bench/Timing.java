package dev.hydra.bench;

import java.util.Arrays;

/**
 * How long the runs of one case took, in seconds.
 *
 * @param median half of the runs were faster
 * @param fastest the fastest run, least disturbed by what else the machine does
 * @param slowest the slowest run
 * @param runs how many there were
 */
public record Timing(double median, double fastest, double slowest, int runs) {
  static Timing of(double[] seconds) {
    double[] sorted = seconds.clone();
    Arrays.sort(sorted);
    int count = sorted.length;
    double median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    return new Timing(median, sorted[0], sorted[count - 1], count);
  }

  /** Returns the timing of one of so many times that each run did the same. */
  Timing over(int times) {
    return new Timing(median / times, fastest / times, slowest / times, runs);
  }
}
