package dev.hydra.composer.swap;

import dev.hydra.api.ParameterSpec;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.ParameterSource;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Lends copies of parameters to a component that is tried out: whatever it does to them, and
 * whatever the run does to its own meanwhile, neither sees the other.
 */
final class ProbeParameters implements ParameterSource, AutoCloseable {
  private final CandidateParameters parameters;
  private final Map<String, Tensor> copies = new LinkedHashMap<>();

  /** Lends copies of these. */
  ProbeParameters(CandidateParameters parameters) {
    this.parameters = parameters;
  }

  @Override
  public Tensor borrow(String name, ParameterSpec spec) {
    Tensor own = parameters.borrow(name, spec);
    return copies.computeIfAbsent(name, key -> copy(own, spec.trainable()));
  }

  private static Tensor copy(Tensor parameter, boolean trainable) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor copy = Scopes.own(parameter.detach().clone());
      copy.set_requires_grad(trainable);
      return copy;
    }
  }

  /** Copies once more: values may have been given since. */
  void refresh() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      copies.forEach(
          (name, copy) -> {
            Parameter made = parameters.made().get(name);
            if (made != null) {
              copy.copy_(made.working());
            }
          });
    }
  }

  /** Refuses a gradient left by a backward that is not finite, or not of its kind. */
  void checkGradients() {
    copies.forEach(
        (name, copy) -> {
          Tensor gradient = copy.grad();
          if (gradient.defined()) {
            check(name, gradient);
          }
        });
  }

  private void check(String name, Tensor gradient) {
    Parameter parameter = parameters.asked().get(name);
    if (parameter != null && parameter.spec().sparse() && !gradient.is_sparse()) {
      throw new SwapRefusedException(
          "parameter " + name + " is a table, but its gradient is dense");
    }
    Tensor values = gradient.is_sparse() ? gradient.coalesce().values() : gradient;
    if (Tensors.any(values.isfinite().logical_not())) {
      throw new SwapRefusedException("the gradient of " + name + " is not finite");
    }
  }

  @Override
  public void close() {
    copies.values().forEach(Tensor::close);
    copies.clear();
  }
}
