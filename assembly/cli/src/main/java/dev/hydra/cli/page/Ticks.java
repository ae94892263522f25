package dev.hydra.cli.page;

import java.util.ArrayList;
import java.util.List;

/** Round places on an axis. */
final class Ticks {
  private Ticks() {}

  /** Returns about {@code count} multiples of 1, 2 or 5 times a power of ten within a range. */
  static List<Double> between(double least, double most, int count) {
    double rough = (most - least) / count;
    if (!(rough > 0) || !Double.isFinite(rough)) {
      return List.of(least);
    }
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    double part = rough / power;
    double step = power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
    List<Double> ticks = new ArrayList<>();
    long from = (long) Math.ceil(least / step - 1e-9);
    long to = (long) Math.floor(most / step + 1e-9);
    for (long i = from; i <= to; i++) {
      ticks.add(i * step);
    }
    return ticks;
  }
}
