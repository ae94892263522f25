package dev.hydra.composer.swap;

import com.typesafe.config.Config;
import dev.hydra.api.Registration;
import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Finds out what components remember of so many tokens, by running them on zeros. Over a long text
 * that takes a while, so it is done once for components of one kind, and goes on from where it was
 * the last time.
 */
final class StateLayouts implements AutoCloseable {
  /** The key of a layout: components of one configuration are taken to keep one layout. */
  private record Kind(
      Map<String, Registration> components, Config config, int width, int outputs, long batch) {
    static Kind of(ComponentSlot slot, long batch) {
      Map<String, Registration> components = new TreeMap<>();
      slot.visit(
          each -> components.put(slot.path().relativize(each.path()), each.site().registration()));
      return new Kind(components, slot.site().config(), slot.width(), slot.outputs(), batch);
    }
  }

  /** A component's run so far, with the state that it has left. */
  private record Run(SitePath path, ModelState state) {}

  private final Placement precision;
  private final Map<Kind, Run> runs = new HashMap<>();

  /** Creates an empty cache of layouts for models of one placement. */
  StateLayouts(Placement precision) {
    this.precision = precision;
  }

  /**
   * Returns names, types and shapes of what a component and those below it remember.
   *
   * @param component at its site
   */
  Map<String, String> after(ComponentSlot component, ModelState.Extent extent) {
    Kind kind = Kind.of(component, extent.batch());
    long tokens = extent.tokens();
    Run run = runs.computeIfAbsent(kind, key -> new Run(component.path(), new ModelState()));
    boolean own = run.path().equals(component.path());
    if (run.state().position() > tokens || (run.state().position() < tokens && !own)) {
      run.state().close();
      run = new Run(component.path(), new ModelState());
      runs.put(kind, run);
    }
    if (run.state().position() < tokens) {
      read(component, run.state(), extent.batch(), tokens - run.state().position());
    }
    return of(run.path(), run.state());
  }

  private void read(ComponentSlot component, ModelState state, long batch, long tokens) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off();
        ForwardContext forward = ForwardContext.evaluation().with(state)) {
      TensorOptions options = new TensorOptions(precision.device());
      forward.about(torch.zeros(new long[] {batch, tokens}, options).to(ScalarType.Long));
      long[] sizes = {batch, tokens, component.width()};
      component.run(torch.zeros(sizes, options).to(precision.compute()), forward);
      state.advance(tokens);
    }
  }

  /** Returns names, types and shapes of what a state has of a site and those below it. */
  static Map<String, String> of(SitePath path, ModelState state) {
    Map<String, String> layout = new TreeMap<>();
    state.below(path).forEach((name, tensor) -> layout.put(name, describe(tensor)));
    return layout;
  }

  private static String describe(Tensor tensor) {
    return Tensors.type(tensor) + Arrays.toString(Tensors.sizes(tensor));
  }

  @Override
  public void close() {
    runs.values().forEach(run -> run.state().close());
    runs.clear();
  }
}
