package dev.hydra.composer.model;

import dev.hydra.api.StateSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;

/** Compares what is kept of a text with what components declare to keep. */
public final class DeclaredState {
  private DeclaredState() {}

  /**
   * Compares what a text has at the site of a component and below it with what the component and
   * its children declare.
   *
   * @param component at its site; of tokens that the site has not seen nothing is asked
   * @return the first difference, in words: the component may not go on with the text. One that
   *     declares nothing never may
   */
  public static Optional<String> difference(
      ComponentSlot component, ModelState state, Placement placement) {
    Map<SitePath, ComponentSlot> slots = new TreeMap<>();
    component.visit(slot -> slots.put(slot.path(), slot));
    return state.remembering().stream()
        .filter(path -> component.path().contains(path) && !slots.containsKey(path))
        .map(path -> "something is kept for " + path + ", where no component is now")
        .findFirst()
        .or(
            () ->
                slots.values().stream()
                    .flatMap(slot -> atSite(slot, state.site(slot.path()), placement).stream())
                    .findFirst());
  }

  private static Optional<String> atSite(ComponentSlot slot, SiteState kept, Placement placement) {
    if (kept.position() == 0) {
      return Optional.empty();
    }
    Optional<List<StateSpec>> declared = slot.site().state();
    return declared.isEmpty()
        ? Optional.of("the component at " + slot.path() + " does not declare what it keeps")
        : difference(declared.get(), kept.tensors(), kept.position(), placement)
            .map(difference -> "at " + slot.path() + " " + difference);
  }

  /**
   * Compares what one component keeps with what it declares.
   *
   * @param kept by name, first dimension batch
   * @param tokens how many it has seen, at least 1
   * @return the first difference, in words
   */
  public static Optional<String> difference(
      List<StateSpec> declared, Map<String, Tensor> kept, long tokens, Placement placement) {
    Map<String, Tensor> undeclared = new TreeMap<>(kept);
    for (StateSpec spec : declared) {
      Tensor tensor = undeclared.remove(spec.name());
      String expected = placement.of(spec.dtype()) + spec.sizes(tokens).toString();
      if (tensor == null ? isDue(spec, tokens) : !expected.equals(ofRow(tensor))) {
        return Optional.of(
            "the state "
                + spec.name()
                + " of a text of "
                + tokens
                + " tokens is declared as "
                + expected
                + ", but "
                + (tensor == null ? "not kept" : "kept as " + ofRow(tensor)));
      }
    }
    return undeclared.keySet().stream()
        .map(name -> "the state " + name + " is kept, but not declared")
        .findFirst();
  }

  private static boolean isDue(StateSpec spec, long tokens) {
    return spec.required() && !spec.sizes(tokens).contains(0L);
  }

  /** Type and sizes without the batch. */
  private static String ofRow(Tensor tensor) {
    long[] sizes = Tensors.sizes(tensor);
    return Tensors.type(tensor)
        + Arrays.toString(sizes.length == 0 ? sizes : Arrays.copyOfRange(sizes, 1, sizes.length));
  }
}
