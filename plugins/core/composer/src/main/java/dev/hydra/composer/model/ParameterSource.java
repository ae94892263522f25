package dev.hydra.composer.model;

import dev.hydra.api.ParameterSpec;
import org.bytedeco.pytorch.Tensor;

/** Lends parameters to components. */
@FunctionalInterface
public interface ParameterSource {
  /**
   * Returns the working copy of a parameter, made and initialised if it is new.
   *
   * @param name its full name
   * @throws IllegalArgumentException if there is one of that name with another shape
   */
  Tensor borrow(String name, ParameterSpec spec);
}
