package dev.hydra.api;

import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * Makes the parameters of a component out of those of the one that it replaces while the model
 * runs, such as one fused projection out of two.
 */
@FunctionalInterface
public interface Migration {
  /**
   * Computes the new values. Called without gradient, in a scope, possibly several times.
   *
   * @param old all parameters below the site, children included, by their names below it; not to be
   *     changed
   * @return values for those new parameters that cannot be carried over as they are, by their names
   *     below the site, in the shapes that {@link ComponentFactory#create} asks for
   */
  Map<String, Tensor> migrate(Map<String, Tensor> old);

  /**
   * Says whether every new element is one of the old elements (split, joined, transposed,
   * reordered). Then the optimizer's moments follow by the same function; otherwise they start at
   * zero, since gradients do not transform like values.
   */
  default boolean rearranges() {
    return false;
  }

  /** Returns a migration that only {@linkplain #rearranges rearranges}. */
  static Migration rearranging(UnaryOperator<Map<String, Tensor>> function) {
    return new Migration() {
      @Override
      public Map<String, Tensor> migrate(Map<String, Tensor> old) {
        return function.apply(old);
      }

      @Override
      public boolean rearranges() {
        return true;
      }
    };
  }
}
