package dev.hydra.composer.swap;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;

/**
 * The mapping of older parameters to the newer ones that came from them, for what goes with their
 * elements, such as moments.
 */
public interface ParameterMapping {
  /**
   * Moves another quantity that goes with the elements of the parameters.
   *
   * @param old the quantity by the full names of old parameters; empty for those without. Of
   *     another shape than its parameter it only goes with one that is carried over as it is
   * @return the quantity by the full names of those new parameters whose elements are old ones
   */
  Map<String, Tensor> rearranged(Function<String, Optional<Tensor>> old);

  /** Returns the full names of the old parameters that a rearranged one came from. */
  Set<String> origins(String name);
}
