package dev.hydra.experiments.measure;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * True positives over false positives, for every threshold of a score.
 *
 * @param area the area under it: the probability that a positive scores above a negative, where
 *     equal ones count half
 * @param points {@code [false positives, true positives]} as parts, from (0, 0) to (1, 1); at most
 *     about a hundred
 */
record RocCurve(double area, List<List<Double>> points) {
  private static final int MOST_POINTS = 100;

  /** Computes the curve of at least one positive and one negative. */
  static RocCurve of(double[] positives, double[] negatives) {
    double[] high = positives.clone();
    double[] low = negatives.clone();
    Arrays.sort(high);
    Arrays.sort(low);
    List<List<Double>> all = new ArrayList<>(List.of(List.of(0.0, 0.0)));
    double area = 0;
    int i = high.length;
    int j = low.length;
    while (i > 0 || j > 0) {
      double threshold = Math.max(last(high, i), last(low, j));
      int before = j;
      int reached = high.length - i;
      while (i > 0 && high[i - 1] == threshold) {
        i--;
      }
      while (j > 0 && low[j - 1] == threshold) {
        j--;
      }
      int now = high.length - i;
      area += (before - j) * (reached + now) / 2.0;
      all.add(List.of(part(low.length - j, low), part(now, high)));
    }
    return new RocCurve(area / high.length / low.length, thinned(all));
  }

  private static double last(double[] sorted, int count) {
    return count > 0 ? sorted[count - 1] : Double.NEGATIVE_INFINITY;
  }

  private static double part(int count, double[] of) {
    return (double) count / of.length;
  }

  private static List<List<Double>> thinned(List<List<Double>> all) {
    int step = Math.max(1, all.size() / MOST_POINTS);
    List<List<Double>> some = new ArrayList<>();
    for (int i = 0; i < all.size() - 1; i += step) {
      some.add(all.get(i));
    }
    some.add(all.get(all.size() - 1));
    return some;
  }
}
