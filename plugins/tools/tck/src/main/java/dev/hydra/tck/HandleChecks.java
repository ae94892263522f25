package dev.hydra.tck;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks that nothing off the heap is left behind. */
final class HandleChecks {
  private static final int WARM_UP = 5;
  private static final int ROUNDS = 20;

  private HandleChecks() {}

  static void flat(Subject subject) {
    subject.use(
        ScalarType.Float,
        component -> {
          Objective objective = Objective.of(subject, component, ScalarType.Float);
          flat("steps of training", objective::backward);
          flat("sequences decoded", () -> decode(component, objective.x()));
        });
  }

  private static void decode(StandaloneComponent component, Tensor x) {
    try (ModelState state = new ModelState();
        ForwardContext forward = ForwardContext.evaluation().with(state);
        Grad off = Grad.off()) {
      long prompt = x.size(1) - 2;
      component.forward(Tensors.slice(x, 1, 0, prompt), forward);
      component.forward(Tensors.slice(x, 1, prompt, prompt + 1), forward);
      component.forward(Tensors.slice(x, 1, prompt + 1, prompt + 2), forward);
    }
  }

  private static void flat(String what, Runnable round) {
    repeat(WARM_UP, round);
    long before = Scopes.liveHandles();
    repeat(ROUNDS, round);
    long grown = Scopes.liveHandles() - before;
    ContractViolation.unless(
        grown <= 0, ROUNDS + " " + what + " leave " + grown + " more live handles");
  }

  private static void repeat(int times, Runnable round) {
    for (int i = 0; i < times; i++) {
      Scopes.run(round);
    }
  }
}
