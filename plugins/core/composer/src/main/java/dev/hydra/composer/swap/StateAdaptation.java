package dev.hydra.composer.swap;

import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** Checks a decoding state against what other components would have left of the same tokens. */
final class StateAdaptation {
  private StateAdaptation() {}

  /**
   * Checks states. Where one of them is to forget something, all do: they may be continued
   * together.
   *
   * @param states what is being decoded
   * @param components what is to go on with it, at their sites
   * @param layouts what is known of what such components leave
   * @param remedy what can be done if it does not fit, for the message
   * @return what makes it fit, to be done when they are in place
   * @throws SwapRefusedException if it does not fit and is not to be reset
   */
  static Runnable of(
      List<ModelState> states,
      Collection<ComponentSlot> components,
      StateLayouts layouts,
      SwapRequest.State policy,
      String remedy) {
    // Shorter texts first: what is found out about them is gone on from.
    List<ModelState> byLength =
        states.stream().sorted(Comparator.comparingLong(ModelState::position)).toList();
    List<SitePath> unfit = new ArrayList<>();
    for (ComponentSlot component : components) {
      if (!byLength.stream().allMatch(state -> fits(state, component, layouts))) {
        unfit.add(component.path());
      }
    }
    if (!unfit.isEmpty() && policy == SwapRequest.State.REFUSE) {
      throw new SwapRefusedException(
          unfit.get(0)
              + ": the decoding state is not such as the component leaves that is to go on with it;"
              + " "
              + remedy);
    }
    return () -> states.forEach(state -> unfit.forEach(state::forget));
  }

  private static boolean fits(ModelState state, ComponentSlot component, StateLayouts layouts) {
    SitePath path = component.path();
    long tokens = state.tokens(path);
    return tokens == 0
        || StateLayouts.of(path, state)
            .equals(
                layouts.after(component, new ModelState.Extent(state.extent().batch(), tokens)));
  }
}
