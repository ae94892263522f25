package dev.hydra.cli.page;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Values over an axis.
 *
 * @param points in ascending order of {@code x}
 */
public record Curve(List<Point> points) {
  /** A value somewhere on the axis; both are finite. */
  public record Point(double x, double y) {}

  /** Collects points; those that are not finite are left out. */
  public static final class Builder {
    private final List<Point> points = new ArrayList<>();

    /** Adds a point at or after the last one; one at the same place takes its place. */
    public Builder add(double x, double y) {
      if (Double.isFinite(x) && Double.isFinite(y)) {
        if (!points.isEmpty() && points.get(points.size() - 1).x() == x) {
          points.remove(points.size() - 1);
        }
        points.add(new Point(x, y));
      }
      return this;
    }

    /** Returns the curve of what was added. */
    public Curve build() {
      return new Curve(List.copyOf(points));
    }
  }

  /** Says whether there is no point. */
  public boolean isEmpty() {
    return points.isEmpty();
  }

  /** Returns the last point; only of a curve that is not empty. */
  public Point last() {
    return points.get(points.size() - 1);
  }

  /**
   * Returns the value at a place, by linear interpolation between the points around it; empty
   * outside of the points.
   */
  public OptionalDouble at(double x) {
    for (int i = 0; i < points.size(); i++) {
      Point right = points.get(i);
      if (right.x() == x) {
        return OptionalDouble.of(right.y());
      }
      if (right.x() > x) {
        if (i == 0) {
          return OptionalDouble.empty();
        }
        Point left = points.get(i - 1);
        double part = (x - left.x()) / (right.x() - left.x());
        return OptionalDouble.of(left.y() + part * (right.y() - left.y()));
      }
    }
    return OptionalDouble.empty();
  }

  /** Returns the curve with each value replaced by the mean of up to {@code width} around it. */
  public Curve smoothed(int width) {
    int half = width / 2;
    double[] sums = new double[points.size() + 1];
    for (int i = 0; i < points.size(); i++) {
      sums[i + 1] = sums[i] + points.get(i).y();
    }
    List<Point> means = new ArrayList<>();
    for (int i = 0; i < points.size(); i++) {
      int reach = Math.min(half, Math.min(i, points.size() - 1 - i)); // the same on both sides
      double mean = (sums[i + reach + 1] - sums[i - reach]) / (2 * reach + 1);
      means.add(new Point(points.get(i).x(), mean));
    }
    return new Curve(means);
  }

  /** Returns a curve of at most about {@code most} points that keeps the least and the greatest. */
  public Curve thinned(int most) {
    if (points.size() <= most) {
      return this;
    }
    int bucket = (2 * points.size() + most - 1) / most;
    List<Point> kept = new ArrayList<>();
    for (int from = 0; from < points.size(); from += bucket) {
      List<Point> some = points.subList(from, Math.min(points.size(), from + bucket));
      Point least = some.get(0);
      Point greatest = some.get(0);
      for (Point each : some) {
        least = each.y() < least.y() ? each : least;
        greatest = each.y() > greatest.y() ? each : greatest;
      }
      boolean rising = least.x() <= greatest.x();
      kept.add(rising ? least : greatest);
      if (!least.equals(greatest)) {
        kept.add(rising ? greatest : least);
      }
    }
    return new Curve(kept);
  }
}
