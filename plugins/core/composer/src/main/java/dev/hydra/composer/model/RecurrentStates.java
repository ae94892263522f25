package dev.hydra.composer.model;

import dev.hydra.api.StateSpec;
import java.util.List;

/** Rounds the states of recurrences to the type in which a model keeps them. */
final class RecurrentStates {
  private RecurrentStates() {}

  /**
   * Rounds what a forward has left in a state, to nearest, ties to even. A {@link BatchState} needs
   * none of it: its buffers are of that type.
   *
   * @param slots all components
   */
  static void round(ModelState state, List<ComponentSlot> slots, Placement placement) {
    if (placement.recurrent() == placement.master()) {
      return;
    }
    for (ComponentSlot slot : slots) {
      for (StateSpec spec : slot.site().state().orElse(List.of())) {
        if (spec.dtype() == StateSpec.Dtype.RECURRENT) {
          state.site(slot.path()).cast(spec.name(), placement.recurrent());
        }
      }
    }
  }
}
