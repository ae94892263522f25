package dev.hydra.trainer.step;

import dev.hydra.composer.model.Parameter;
import dev.hydra.optim.Moments;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/**
 * What a training step holds for some parameters, by their names.
 *
 * @param gradients where their gradients are added up
 * @param moments what the optimizer remembers of them
 */
public record OptimizerEntries(Map<String, GradientBuffers> gradients, Map<String, Moments> moments)
    implements AutoCloseable {
  static final OptimizerEntries NONE = new OptimizerEntries(Map.of(), Map.of());

  /** For new parameters, as far as they are trained. */
  public static OptimizerEntries of(Collection<Parameter> parameters) {
    OptimizerEntries all = new OptimizerEntries(new HashMap<>(), new HashMap<>());
    for (Parameter parameter : parameters) {
      if (parameter.spec().trainable()) {
        all.gradients.put(parameter.name(), GradientBuffers.of(parameter));
        all.moments.put(parameter.name(), Moments.zeros(parameter.master()));
      }
    }
    return all;
  }

  /** These, and others in the place of those of the same names. */
  OptimizerEntries with(OptimizerEntries others) {
    OptimizerEntries all = new OptimizerEntries(new HashMap<>(gradients), new HashMap<>(moments));
    all.gradients.putAll(others.gradients);
    all.moments.putAll(others.moments);
    return all;
  }

  /** Those of these that others have not. */
  OptimizerEntries without(OptimizerEntries others) {
    OptimizerEntries all = new OptimizerEntries(new HashMap<>(gradients), new HashMap<>(moments));
    all.gradients.values().removeAll(others.gradients.values());
    all.moments.values().removeAll(others.moments.values());
    return all;
  }

  @Override
  public void close() {
    gradients.values().forEach(GradientBuffers::close);
    moments.values().forEach(Moments::close);
  }
}
