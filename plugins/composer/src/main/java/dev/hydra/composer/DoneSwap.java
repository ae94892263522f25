package dev.hydra.composer;

import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;

/**
 * A swap that is in place. It keeps what was there before until it is confirmed.
 *
 * @param model where
 * @param report what it did
 * @param before what there was
 * @param after what there is
 * @param part the host's part
 */
record DoneSwap(
    Model model, SwapReport report, Composition before, Composition after, SwapHost.Part part) {
  /** Gives up what there was. */
  void confirm() {
    part.close();
    only(before, after).forEach(Parameter::close);
  }

  /**
   * Goes back, or throws and leaves all as it was.
   *
   * @return parameters that are not used any more, to be closed
   */
  List<Parameter> undo() {
    model.exchange(before);
    try {
      part.rolledBack();
    } catch (RuntimeException | Error e) {
      model.exchange(after);
      throw e;
    }
    part.close();
    return only(after, before);
  }

  /** Parameters whose tensors one composition has and another has not. */
  private static List<Parameter> only(Composition one, Composition other) {
    Collection<Parameter> others = other.parameters().values();
    Set<Tensor> masters = new HashSet<>();
    others.forEach(each -> masters.add(each.master()));
    return one.parameters().values().stream()
        .filter(each -> !masters.contains(each.master()))
        .toList();
  }
}
