package dev.hydra.composer.model;

import dev.hydra.api.StateSpec;
import dev.hydra.composer.spec.SitePath;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/**
 * Takes decoding states back to fewer tokens of the same text. What grows with a text is cut
 * shorter, as nothing but its position says how much of it counts. What is of fixed size, such as
 * the state of a state space, holds no earlier one: a state that has any of it can only be replaced
 * by one that was kept before, from which the tokens between are read again.
 */
public final class Rewinding {
  private final Supplier<List<ComponentSlot>> slots;

  /**
   * Takes states back by what components declare.
   *
   * @param slots all components, whenever asked
   */
  Rewinding(Supplier<List<ComponentSlot>> slots) {
    this.slots = slots;
  }

  /**
   * Says whether a state can be taken back, to any number of tokens: all that it holds is declared
   * to grow, and no entry has taken the place of an earlier one. Then every site has seen the text
   * from its beginning.
   */
  public boolean isPossible(ModelState state) {
    Map<SitePath, List<StateSpec>> declared = declared();
    return state.sites().entrySet().stream()
        .allMatch(
            site ->
                site.getValue().begin() == 0
                    && site.getValue().tensors().keySet().stream()
                        .map(name -> spec(declared, site.getKey(), name))
                        .allMatch(
                            spec -> spec.isPresent() && isWhole(spec.get(), state.position())));
  }

  /** Says whether all entries there ever were of a text are still there. */
  private static boolean isWhole(StateSpec spec, long tokens) {
    Optional<StateSpec.Growth> growth = spec.growth();
    return growth.isPresent()
        && growth.get().entries(tokens)
            == new StateSpec.Growth(growth.get().after(), growth.get().every(), Long.MAX_VALUE)
                .entries(tokens);
  }

  /**
   * Returns a state of its own that has seen only the first tokens of a text.
   *
   * @param state one that {@link #isPossible can} be taken back; it stays as it is
   * @param tokens from 1 to those that it has seen
   * @return what the caller closes
   */
  public ModelState fork(ModelState state, long tokens) {
    if (tokens < 1 || tokens > state.position() || !isPossible(state)) {
      throw new IllegalArgumentException(
          "a state of "
              + state.position()
              + " tokens cannot be taken back to "
              + tokens
              + ": it holds no such one");
    }
    Map<SitePath, List<StateSpec>> declared = declared();
    return state.fork(
        tokens,
        (site, name, whole) -> part(spec(declared, site, name).orElseThrow(), whole, tokens));
  }

  private Map<SitePath, List<StateSpec>> declared() {
    Map<SitePath, List<StateSpec>> all = new HashMap<>();
    slots.get().forEach(slot -> all.put(slot.path(), slot.site().state().orElse(List.of())));
    return all;
  }

  private static Optional<StateSpec> spec(
      Map<SitePath, List<StateSpec>> declared, SitePath site, String name) {
    return declared.getOrDefault(site, List.of()).stream()
        .filter(spec -> spec.name().equals(name))
        .findFirst();
  }

  /** Returns the part of a tensor [batch, ...] that counts after so many tokens, a view. */
  static Tensor part(StateSpec spec, Tensor whole, long tokens) {
    return spec.growth()
        .map(growth -> whole.narrow(spec.growingDimension(), 0, growth.entries(tokens)))
        .orElse(whole);
  }
}
