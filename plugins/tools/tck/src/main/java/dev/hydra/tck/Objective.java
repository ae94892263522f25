package dev.hydra.tck;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Scopes;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A scalar that depends on all outputs of a component and on its auxiliary losses.
 *
 * @param component the component
 * @param x its input
 * @param weights what its outputs are multiplied by, of their shape
 * @param documents the document of each token, if they are packed
 */
record Objective(
    StandaloneComponent component, Tensor x, Tensor weights, Optional<Tensor> documents) {
  private static final long WEIGHTS_SEED = 5;

  static Objective of(Subject subject, StandaloneComponent component, ScalarType type) {
    return new Objective(
        component,
        subject.input(1, type).set_requires_grad(true),
        Subject.random(WEIGHTS_SEED, type, subject.batch(), subject.time(), subject.outputs()),
        Optional.empty());
  }

  Objective with(Documents packed) {
    return new Objective(component, x, weights, Optional.of(packed.numbers()));
  }

  /** Adds gradients, if there are any: a router may follow from the tokens alone. */
  void backward() {
    Tensor value = value();
    if (value.requires_grad()) {
      Backward.run(value);
    }
  }

  /** The same numbers for another component, with gradients of its own. */
  Objective by(Copy copy) {
    return new Objective(
        copy.component(),
        copy.of(x.detach()).set_requires_grad(true),
        copy.of(weights),
        documents.map(numbers -> numbers.to(copy.device(), ScalarType.Long)));
  }

  Tensor value() {
    return Scopes.keep(
        () -> {
          ForwardContext whole = ForwardContext.training();
          try (ForwardContext forward = documents.map(whole::withDocuments).orElse(whole)) {
            Tensor sum = component.forward(x, forward).mul(weights).sum();
            forward.finish();
            for (Tensor loss : forward.losses().values()) {
              sum = sum.add(loss);
            }
            return sum;
          }
        });
  }
}
