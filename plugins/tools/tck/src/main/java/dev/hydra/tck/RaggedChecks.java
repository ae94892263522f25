package dev.hydra.tck;

import dev.hydra.api.StateSpec;
import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** Checks of texts of different length that are continued together, and of declared state. */
final class RaggedChecks {
  private RaggedChecks() {}

  /** Rows that begin at different positions, of which the first leaves half-way. */
  static void together(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          Tensor x = subject.input(1, ScalarType.Double);
          Tensor whole = ForwardChecks.run(component, x);
          int rows = subject.batch();
          int steps = subject.time() / 2;
          long[] at = new long[rows];
          try (BatchState batch = new BatchState()) {
            for (int row = 0; row < rows; row++) {
              at[row] = 1 + (subject.time() - steps - 1L) * row / rows;
              batch.add(prefilled(component, x, row, at[row]));
            }
            for (int step = 0; step < steps; step++) {
              int first = step < steps / 2 ? 0 : 1;
              if (step == steps / 2) {
                batch.remove(0).close();
              }
              step(component, x, whole, batch, at, first);
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
      int first) {
    Tensor[] tokens = new Tensor[at.length - first];
    Tensor[] expected = new Tensor[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      int row = first + i;
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

  /** After any number of tokens there is nothing else, and nothing of another shape. */
  static void declared(Subject subject) {
    subject.use(
        ScalarType.Double,
        component -> {
          if (component.state().isEmpty()) {
            return;
          }
          Map<String, StateSpec> specs = new TreeMap<>();
          component.state().get().forEach(spec -> specs.put(spec.name(), spec));
          Tensor x = subject.input(1, ScalarType.Double);
          try (ModelState state = new ModelState();
              Grad off = Grad.off()) {
            for (int from = 0; from < subject.time(); from++) {
              try (ForwardContext forward = ForwardContext.evaluation().with(state)) {
                component.forward(Tensors.slice(x, 1, from, from + 1L), forward);
              }
              component
                  .kept(state)
                  .forEach((name, tensor) -> compare(specs.get(name), name, tensor));
            }
          }
        });
  }

  private static void compare(@Nullable StateSpec spec, String name, Tensor kept) {
    List<Long> declared = spec == null ? List.of() : spec.shape();
    boolean fits = spec != null && declared.size() == kept.dim() - 1;
    for (int i = 0; fits && i < declared.size(); i++) {
      fits = declared.get(i) == StateSpec.GROWING || declared.get(i) == kept.size(i + 1);
    }
    if (!fits) {
      throw new ContractViolation(
          "state "
              + name
              + " is kept as "
              + Arrays.toString(Tensors.sizes(kept))
              + ", batch first, but "
              + (spec == null ? "it is not declared" : "declared for one row as " + declared));
    }
  }
}
