package dev.hydra.composer.spec;

import com.typesafe.config.ConfigValue;
import dev.hydra.api.ConfigException;

/** A gate as configured: how much of a path's output is added to the residual stream. */
public sealed interface GateSpec {
  /** What a value may be, in words. */
  String DOC = "a number (the first value of a learned scalar), learned (a gate per token) or none";

  /** No gate: all of the output is added. */
  record None() implements GateSpec {}

  /**
   * A learned scalar, as in LayerScale (arXiv 2103.17239).
   *
   * @param initial its first value
   */
  record Scalar(double initial) implements GateSpec {}

  /**
   * A gate per token, {@code sigmoid(w norm(x) + b)}: the Hydra paper's gate beta.
   *
   * @param cost what the loss of a training step has more for a gate that is wholly open, averaged
   *     over tokens; 0 for nothing
   */
  record Learned(double cost) implements GateSpec {}

  /** Reads {@code gate = none}, {@code gate = learned} or {@code gate = 0.5}. */
  static GateSpec read(ConfigValue value, String path) {
    Object gate = value.unwrapped();
    if (gate instanceof Number number && Double.isFinite(number.doubleValue())) {
      return new Scalar(number.doubleValue());
    } else if ("learned".equals(gate)) {
      return new Learned(0);
    } else if ("none".equals(gate)) {
      return new None();
    }
    throw new ConfigException(
        value.origin(), path, "must be " + DOC + ", but is " + value.render());
  }
}
