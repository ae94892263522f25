package dev.hydra.trainer.step;

import dev.hydra.optim.ParameterState;
import java.util.HashMap;
import java.util.Map;

/**
 * The entries that a training step holds for some parameters, by their names.
 *
 * @param gradients the buffers of their gradients
 * @param states their optimizer states
 */
public record OptimizerEntries(
    Map<String, GradientBuffers> gradients, Map<String, ParameterState> states)
    implements AutoCloseable {
  /** Returns these entries, with others in the place of those of the same names. */
  OptimizerEntries with(OptimizerEntries others) {
    OptimizerEntries all = new OptimizerEntries(new HashMap<>(gradients), new HashMap<>(states));
    all.gradients.putAll(others.gradients);
    all.states.putAll(others.states);
    return all;
  }

  /** Returns those of these entries that others do not have. */
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
