package dev.hydra.experiments;

import java.util.List;

/**
 * The mean of a figure over seeds and how far it spreads.
 *
 * @param mean the mean
 * @param deviation the standard deviation of a sample; 0 of one value
 * @param least the least
 * @param most the greatest
 * @param count how many there are
 */
public record Spread(double mean, double deviation, double least, double most, int count) {
  /** Measures the spread of at least one value. */
  static Spread of(List<Double> values) {
    double mean = values.stream().mapToDouble(each -> each).average().orElseThrow();
    double squares = values.stream().mapToDouble(each -> (each - mean) * (each - mean)).sum();
    int count = values.size();
    return new Spread(
        mean,
        count > 1 ? Math.sqrt(squares / (count - 1)) : 0,
        values.stream().mapToDouble(each -> each).min().orElseThrow(),
        values.stream().mapToDouble(each -> each).max().orElseThrow(),
        count);
  }
}
