package dev.hydra.trainer.step;

import dev.hydra.optim.ParameterState;
import java.util.HashMap;
import java.util.Map;

/**
 * What a training step holds for some parameters, by their names.
 *
 * @param gradients where their gradients are added up
 * @param states what the optimizer remembers of them
 */
public record OptimizerEntries(
    Map<String, GradientBuffers> gradients, Map<String, ParameterState> states)
    implements AutoCloseable {
  /** These, and others in the place of those of the same names. */
  OptimizerEntries with(OptimizerEntries others) {
    OptimizerEntries all = new OptimizerEntries(new HashMap<>(gradients), new HashMap<>(states));
    all.gradients.putAll(others.gradients);
    all.states.putAll(others.states);
    return all;
  }

  /** Those of these that others have not. */
  OptimizerEntries without(OptimizerEntries others) {
    OptimizerEntries all = new OptimizerEntries(new HashMap<>(gradients), new HashMap<>(states));
    all.gradients.values().removeAll(others.gradients.values());
    all.states.values().removeAll(others.states.values());
    return all;
  }

  @Override
  public void close() {
    gradients.values().forEach(GradientBuffers::close);
    states.values().forEach(ParameterState::close);
  }
}
