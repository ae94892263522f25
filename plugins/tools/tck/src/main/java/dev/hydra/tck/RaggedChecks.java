package dev.hydra.tck;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.DeclaredState;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks of texts of different length that are continued together, and of declared state. */
final class RaggedChecks {
  private RaggedChecks() {}

  /** Rows that begin at different positions, of which one leaves and comes back, another leaves. */
  static void together(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          Tensor x = subject.input(1, ScalarType.Double);
          Tensor whole = ForwardChecks.run(component, x);
          int steps = subject.time() / 2;
          long[] at = new long[subject.batch()];
          List<Integer> rows = new ArrayList<>();
          try (BatchState batch = component.batch()) {
            for (int row = 0; row < at.length; row++) {
              at[row] = 1 + (subject.time() - steps - 1L) * row / at.length;
              rows.add(row);
              batch.add(prefilled(component, x, row, at[row]));
            }
            for (int step = 0; step < steps; step++) {
              if (step == steps / 3) {
                batch.add(batch.remove(0));
                Collections.swap(rows, 0, rows.size() - 1);
              }
              if (step == steps / 2) {
                batch.drop(0);
                Collections.swap(rows, 0, rows.size() - 1);
                rows.remove(rows.size() - 1);
              }
              step(component, x, whole, batch, at, rows);
            }
          }
        });
  }

  private static ModelState prefilled(StandaloneComponent component, Tensor x, int row, long end) {
    ModelState state = new ModelState();
    try (ForwardContext forward = ForwardContext.evaluation().with(state);
        Grad off = Grad.off()) {
      component.forward(part(x, row, 0, end), forward);
    }
    return state;
  }

  private static void step(
      StandaloneComponent component,
      Tensor x,
      Tensor whole,
      BatchState batch,
      long[] at,
      List<Integer> rows) {
    Tensor[] tokens = new Tensor[rows.size()];
    Tensor[] expected = new Tensor[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      int row = rows.get(i);
      tokens[i] = part(x, row, at[row], at[row] + 1);
      expected[i] = part(whole, row, at[row], at[row] + 1);
      at[row]++;
    }
    try (ForwardContext forward = ForwardContext.evaluation().with(batch);
        Grad off = Grad.off()) {
      Compare.same(
          component.forward(Tensors.cat(0, tokens), forward),
          Tensors.cat(0, expected),
          "of rows that differ in length, together");
    }
  }

  private static Tensor part(Tensor x, int row, long from, long to) {
    return Tensors.slice(Tensors.slice(x, 0, row, row + 1L), 1, from, to);
  }

  /** Whatever number of tokens came at once, there is what is declared and nothing else. */
  static void declared(Subject subject, Device device) {
    for (ScalarType type : new ScalarType[] {ScalarType.Double, ScalarType.BFloat16}) {
      for (int chunk : new int[] {1, 5}) {
        Placement placement = new Placement(device, type);
        subject.on(device, type, component -> declared(subject, component, placement, chunk));
      }
    }
  }

  private static void declared(
      Subject subject, StandaloneComponent component, Placement placement, int chunk) {
    if (component.state().isEmpty()) {
      return;
    }
    Tensor x = subject.input(1, placement.compute()).to(placement.device(), placement.compute());
    try (ModelState state = new ModelState();
        Grad off = Grad.off()) {
      while (state.position() < subject.time()) {
        long from = state.position();
        long to = Math.min(subject.time(), from + chunk);
        try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
          component.forward(Tensors.slice(x, 1, from, to), forward);
        }
        DeclaredState.difference(component.state().get(), component.kept(state), to, placement)
            .ifPresent(
                difference -> {
                  throw new ContractViolation(
                      difference + ", in a model in " + placement.compute());
                });
      }
    }
  }
}
