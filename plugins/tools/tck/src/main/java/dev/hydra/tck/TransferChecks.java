package dev.hydra.tck;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks that a component can be made anew round the same parameters and state, as in a swap. */
final class TransferChecks {
  private static final long PARAMETERS_SEED = 99;

  private TransferChecks() {}

  /**
   * A component that keeps what it derived from its parameters does not notice their new values.
   */
  static void parameters(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          Tensor x = subject.input(1, ScalarType.Double);
          ForwardChecks.run(component, x);
          subject.move(component, PARAMETERS_SEED);
          Tensor before = ForwardChecks.run(component, x);
          component.recreate();
          Compare.same(
              ForwardChecks.run(component, x), before, "made anew round the same parameters");
        });
  }

  /** What a component remembers elsewhere than in its cache is lost. */
  static void state(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          Tensor x = subject.input(1, ScalarType.Double);
          int cut = subject.time() / 2;
          try (ModelState state = new ModelState()) {
            part(component, x, 0, cut, state);
            try (ModelState copy = ModelState.of(state.position(), state.export())) {
              Tensor rest = part(component, x, cut, subject.time(), state);
              component.recreate();
              Compare.same(
                  part(component, x, cut, subject.time(), copy),
                  rest,
                  "made anew and continued from an exported state");
            }
          }
        });
  }

  private static Tensor part(
      StandaloneComponent component, Tensor x, int from, int to, ModelState state) {
    try (ForwardContext forward = ForwardContext.evaluation().with(state);
        Grad off = Grad.off()) {
      return component.forward(Tensors.slice(x, 1, from, to), forward);
    }
  }
}
