package dev.hydra.cli.compare;

import dev.hydra.trainer.metrics.MetricLine;

/** What curves are drawn over. */
enum Axis {
  STEP("step", "steps", "optimizer steps"),
  TOKENS("tokens", "tokens", "tokens trained on"),
  SECONDS("seconds", "seconds", "seconds of training");

  private final String key;
  private final String unit;
  private final String title;

  Axis(String key, String unit, String title) {
    this.key = key;
    this.unit = unit;
    this.title = title;
  }

  /** Returns the name in metrics and in JSON. */
  String key() {
    return key;
  }

  /** Returns the unit, in the plural. */
  String unit() {
    return unit;
  }

  /** Returns what is written below the axis. */
  String title() {
    return title;
  }

  /** Returns where a line stands; not a number if it does not say. */
  double of(MetricLine line) {
    return this == STEP ? line.step() : line.number(key);
  }
}
