package dev.hydra.optim;

import dev.hydra.api.Factory;
import dev.hydra.api.FactoryKind;
import org.bytedeco.pytorch.Tensor;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Creates optimizers of one type, which configurations name by {@code optimizer.type}; its options
 * stand in the object {@code optimizer}, beside those of every optimizer.
 */
@ConsumerType
@FactoryKind("optimizer")
public interface OptimizerFactory extends Factory<OptimizerContext, Optimizer> {
  /**
   * Says whether its optimizers treat parameters as {@link OptimizerContext#groups} says. If not, a
   * configuration with {@code optimizer.groups} is refused.
   */
  default boolean takesGroups() {
    return false;
  }

  /**
   * Says whether its optimizers make {@linkplain Optimizer#fused fused updates} of parameters like
   * this one. Then gradients that come from one backward are handed to them as it left them, in the
   * type of the working copies, and no others are kept.
   *
   * @param groups how parameters are treated
   * @param master float32 or float64, on the device
   */
  default boolean takesWorkingGradients(ParameterGroups groups, Tensor master) {
    return false;
  }

  /**
   * Says whether its optimizers take dense gradients of tables, with {@link
   * OptimizedParameter#read} beside them. On CUDA they are given these, and the step can be
   * captured in a graph; all others are given sparse ones there, for whose number of rows the host
   * waits. On a CPU gradients of tables are sparse.
   */
  default boolean takesDenseTables() {
    return false;
  }
}
