package dev.hydra.composer;

import dev.hydra.api.ParameterSpec;
import dev.hydra.libtorch.Scopes;
import dev.hydra.libtorch.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Lends aliases of parameters: the same memory, but leaves of their own, so that a backward through
 * them neither adds to the gradients of the run nor minds that the run changes the values
 * meanwhile.
 */
final class ProbeParameters implements ParameterSource, AutoCloseable {
  private final Map<String, Parameter> parameters;
  private final Map<String, Tensor> aliases = new LinkedHashMap<>();

  ProbeParameters(Map<String, Parameter> parameters) {
    this.parameters = parameters;
  }

  @Override
  public Tensor borrow(String name, ParameterSpec spec) {
    return aliases.computeIfAbsent(name, key -> alias(key, spec));
  }

  private Tensor alias(String name, ParameterSpec spec) {
    Parameter parameter = parameters.get(name);
    if (parameter == null) {
      throw new SwapRefusedException(
          "the component asks for parameter " + name + " the second time it is created only");
    }
    try (PointerScope scope = new PointerScope()) {
      Tensor alias = Scopes.own(parameter.of(spec.shape()).working().variable_data());
      alias.set_requires_grad(spec.trainable());
      return alias;
    }
  }

  /** Refuses if a backward has left a gradient that is not finite. */
  void checkGradients() {
    aliases.forEach(
        (name, alias) -> {
          Tensor gradient = alias.grad();
          if (gradient.defined()) {
            Tensor values = gradient.is_sparse() ? gradient.coalesce().values() : gradient;
            if (Tensors.any(values.isfinite().logical_not())) {
              throw new SwapRefusedException("the gradient of " + name + " is not finite");
            }
          }
        });
  }

  @Override
  public void close() {
    aliases.values().forEach(Tensor::close);
    aliases.clear();
  }
}
