package dev.hydra.composer;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** Checks a decoding state against what other components would have left of the same tokens. */
final class StateAdaptation {
  private StateAdaptation() {}

  /**
   * Checks a state.
   *
   * @param components what is to go on with it, at their sites
   * @param layouts what is known of what such components leave
   * @return what makes it fit, to be done when they are in place
   * @throws SwapRefusedException if it does not fit and is not to be reset
   */
  static Runnable of(
      ModelState state,
      Collection<ComponentSite> components,
      StateLayouts layouts,
      SwapRequest.State policy) {
    List<String> unfit = new ArrayList<>();
    for (ComponentSite component : components) {
      if (!fits(state, component, layouts)) {
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

  private static boolean fits(ModelState state, ComponentSite component, StateLayouts layouts) {
    String path = component.path();
    long tokens = state.tokens(path);
    return tokens == 0
        || StateLayouts.of(path, state)
            .equals(
                layouts.after(component, new ModelState.Extent(state.extent().batch(), tokens)));
  }
}
