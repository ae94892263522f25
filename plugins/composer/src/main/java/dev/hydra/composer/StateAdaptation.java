package dev.hydra.composer;

import com.typesafe.config.Config;
import dev.hydra.composer.Components.Registration;
import dev.hydra.libtorch.Grad;
import dev.hydra.libtorch.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Checks a decoding state against what other components would have left of the same tokens. */
final class StateAdaptation {
  /** What a layout depends on: components of one configuration are taken to keep one layout. */
  private record Question(
      Map<String, Registration> components,
      Config config,
      int width,
      int outputs,
      long batch,
      long tokens) {}

  private final ModelState state;
  private final Precision precision;

  /** Running a component over a long text takes a while: once is enough. */
  private final Map<Question, Map<String, String>> layouts = new HashMap<>();

  private StateAdaptation(ModelState state, Precision precision) {
    this.state = state;
    this.precision = precision;
  }

  /**
   * Checks a state.
   *
   * @param components what is to go on with it, at their sites
   * @return what makes it fit, to be done when they are in place
   * @throws SwapRefusedException if it does not fit and is not to be reset
   */
  static Runnable of(
      ModelState state,
      Collection<ComponentSite> components,
      Precision precision,
      SwapRequest.State policy) {
    StateAdaptation adaptation = new StateAdaptation(state, precision);
    List<String> unfit = new ArrayList<>();
    for (ComponentSite component : components) {
      if (!adaptation.fits(component)) {
        unfit.add(component.path());
      }
    }
    if (!unfit.isEmpty() && policy == SwapRequest.State.REFUSE) {
      throw new SwapRefusedException(
          unfit.get(0)
              + ": the decoding state is not such as the new component leaves; let it be reset,"
              + " or swap between texts");
    }
    return () -> unfit.forEach(state::forget);
  }

  private boolean fits(ComponentSite component) {
    Map<String, Tensor> have = state.below(component.path());
    long tokens = state.tokens(component.path());
    if (tokens == 0) {
      return true;
    }
    long batch = have.values().stream().findFirst().map(tensor -> tensor.size(0)).orElse(1L);
    Map<String, Registration> types = new TreeMap<>();
    component.visit(
        site -> types.put(relative(component.path(), site.path()), site.occupant().registration()));
    Question question =
        new Question(
            types,
            component.occupant().config(),
            component.width(),
            component.outputs(),
            batch,
            tokens);
    return layout(component.path(), have)
        .equals(layouts.computeIfAbsent(question, asked -> left(component, asked)));
  }

  /** What a component leaves after zeros. */
  private Map<String, String> left(ComponentSite component, Question asked) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off();
        ModelState other = new ModelState();
        Forward forward = Forward.evaluation().with(other)) {
      TensorOptions options = new TensorOptions(precision.device());
      long[] rows = {asked.batch(), asked.tokens()};
      forward.about(torch.zeros(rows, options).to(ScalarType.Long));
      long[] sizes = {asked.batch(), asked.tokens(), asked.width()};
      component.run(torch.zeros(sizes, options).to(precision.compute()), forward);
      return layout(component.path(), other.below(component.path()));
    }
  }

  private static Map<String, String> layout(String path, Map<String, Tensor> tensors) {
    Map<String, String> shapes = new TreeMap<>();
    tensors.forEach(
        (name, tensor) ->
            shapes.put(
                relative(path, name),
                Tensors.type(tensor) + Arrays.toString(Tensors.sizes(tensor))));
    return shapes;
  }

  private static String relative(String path, String name) {
    return name.substring(path.length());
  }
}
