package dev.hydra.composer.swap;

import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.DeclaredState;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.SitePath;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** Checks a decoding state against what other components declare to keep. */
final class StateAdaptation {
  private StateAdaptation() {}

  /**
   * Checks states. Where one of them is to forget something, all do: they may be continued
   * together.
   *
   * @param states what is being decoded
   * @param components what is to go on with it, at their sites
   * @param placement of the model
   * @param remedy what can be done if it does not fit, for the message
   * @return what makes it fit, to be done when they are in place
   * @throws SwapRefusedException if it does not fit and is not to be reset
   */
  static Runnable of(
      List<ModelState> states,
      Collection<ComponentSlot> components,
      Placement placement,
      SwapRequest.State policy,
      String remedy) {
    List<SitePath> unfit = new ArrayList<>();
    for (ComponentSlot component : components) {
      Optional<String> difference =
          states.stream()
              .flatMap(state -> DeclaredState.difference(component, state, placement).stream())
              .findFirst();
      if (difference.isPresent() && policy == SwapRequest.State.REFUSE) {
        throw new SwapRefusedException(
            component.path()
                + ": the decoding state is not such as the component leaves that is to go on with"
                + " it ("
                + difference.get()
                + "); "
                + remedy);
      }
      if (difference.isPresent()) {
        unfit.add(component.path());
      }
    }
    return () -> states.forEach(state -> unfit.forEach(state::forget));
  }
}
