package dev.hydra.api;

import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** Fills a new parameter. */
@FunctionalInterface
public interface Init {
  /**
   * Fills in place, without gradient.
   *
   * @param parameter float32 on the CPU, uninitialised
   * @param generator the only source of randomness to use; seeded from the run's seed and the
   *     parameter's name, so that the result does not depend on what else the model has
   */
  void fill(Tensor parameter, Generator generator);

  /** Fills with zeros. */
  static Init zeros() {
    return constant(0);
  }

  /** Fills with ones. */
  static Init ones() {
    return constant(1);
  }

  /** Fills with one value. */
  static Init constant(double value) {
    return (parameter, generator) -> {
      try (Scalar scalar = new Scalar(value)) {
        parameter.fill_(scalar);
      }
    };
  }

  /** Draws from the normal distribution of mean zero. */
  static Init normal(double standardDeviation) {
    return (parameter, generator) -> {
      try (GeneratorOptional source = new GeneratorOptional(generator)) {
        parameter.normal_(0, standardDeviation, source);
      }
    };
  }

  /** Draws from the uniform distribution over [low, high). */
  static Init uniform(double low, double high) {
    return (parameter, generator) -> {
      try (GeneratorOptional source = new GeneratorOptional(generator)) {
        parameter.uniform_(low, high, source);
      }
    };
  }
}
