package dev.hydra.optim;

import dev.hydra.api.Factory;
import dev.hydra.api.FactoryKind;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Creates optimizers of one type, which configurations name by {@code optimizer.type}; its options
 * stand in the object {@code optimizer}, beside those of every optimizer.
 */
@ConsumerType
@FactoryKind("optimizer")
public interface OptimizerFactory extends Factory<OptimizerContext, Optimizer> {}
