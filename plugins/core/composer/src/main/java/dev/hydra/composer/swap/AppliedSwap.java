package dev.hydra.composer.swap;

import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelRevision;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Parameter;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;

/**
 * A swap that is in place, with the revision before, which it keeps until it is confirmed.
 *
 * @param model the model that it changed
 * @param report what it did
 * @param before the revision before
 * @param after the revision now
 * @param participant the host's part
 * @param policy what becomes of a decoding state that does not fit, in a rollback too
 */
record AppliedSwap(
    Model model,
    SwapReport report,
    ModelRevision before,
    ModelRevision after,
    SwapHost.Participant participant,
    SwapRequest.State policy) {
  /** Confirms the swap: the revision before is released. */
  void confirm() {
    participant.close();
    only(before, after).forEach(Parameter::close);
  }

  /**
   * Rolls back, or throws and leaves all as it was.
   *
   * @param states the decoding states that the owner goes on with
   * @return parameters that are not used any more, to be closed
   */
  List<Parameter> rollback(List<ModelState> states) {
    model.exchange(before);
    try {
      Set<ComponentSlot> sites = before.sites().keySet();
      Runnable forget =
          StateAdaptation.of(
              states,
              sites,
              model.placement(),
              policy,
              "roll the swap back between texts, or swap back with state reset");
      participant.rolledBack();
      forget.run();
    } catch (RuntimeException | Error e) {
      model.exchange(after);
      throw e;
    }
    participant.close();
    return only(after, before);
  }

  /** Returns parameters whose tensors one revision has and another has not. */
  private static List<Parameter> only(ModelRevision one, ModelRevision other) {
    Collection<Parameter> others = other.parameters().values();
    Set<Tensor> masters = new HashSet<>();
    others.forEach(each -> masters.add(each.master()));
    return one.parameters().values().stream()
        .filter(each -> !masters.contains(each.master()))
        .toList();
  }
}
