package dev.hydra.optim;

import dev.hydra.api.Settings;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The arguments from which a factory creates an optimizer.
 *
 * @param settings the values of the options of its factory
 * @param groups these for each parameter; for factories that {@linkplain
 *     OptimizerFactory#takesGroups take} groups
 * @param parameters at least one, with different names, all on one device and of one type; the
 *     optimizer keeps their tensors alive until it is closed
 * @param known by the names of parameters, {@linkplain Optimizer#states states} of an optimizer of
 *     the same factory and options that is {@linkplain Optimizer#release released}, or that it has
 *     {@linkplain Optimizer#initialState made}; the new one owns what it uses
 */
public record OptimizerContext(
    Settings settings,
    ParameterGroups groups,
    List<OptimizedParameter> parameters,
    Map<String, ParameterState> known) {
  /** Checks the parameters. */
  public OptimizerContext {
    parameters = List.copyOf(parameters);
    if (parameters.isEmpty()) {
      throw new IllegalArgumentException("there is nothing to optimize");
    }
    Set<String> names = new HashSet<>();
    ScalarType type = Tensors.type(parameters.get(0).master());
    for (OptimizedParameter parameter : parameters) {
      if (Tensors.type(parameter.master()) != type) {
        throw new IllegalArgumentException(parameter.name() + " is not " + type + " as the others");
      }
      if (!names.add(parameter.name())) {
        throw new IllegalArgumentException("there are two parameters " + parameter.name());
      }
    }
  }

  /** Describes an optimizer that treats all parameters alike. */
  public OptimizerContext(
      Settings settings, List<OptimizedParameter> parameters, Map<String, ParameterState> known) {
    this(settings, ParameterGroups.none(settings), parameters, known);
  }
}
