package dev.hydra.trainer.step;

import dev.hydra.composer.swap.ParameterMapping;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.ParameterState;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Moves the optimizer state along with the parameters, as {@link ParameterState} says.
 *
 * @param mapping how parameters came from older ones
 * @param old the states of the older ones by their names
 */
public record StateTransfer(ParameterMapping mapping, Map<String, ParameterState> old) {
  /** Fills states of new parameters, by their names, as far as something is known of them. */
  public void into(Map<String, ParameterState> fresh) {
    Set<String> elementwise = new HashSet<>();
    Set<String> counts = new HashSet<>();
    for (ParameterState state : fresh.values()) {
      state.tensors().forEach((part, own) -> (own.dim() > 0 ? elementwise : counts).add(part));
    }
    counts.removeAll(elementwise); // of parameters without dimensions
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Set<String> moved = new HashSet<>();
      elementwise.forEach(part -> moved.addAll(move(part, fresh)));
      for (String name : moved) {
        counts.forEach(part -> count(name, part, fresh.get(name)));
      }
    }
  }

  /** Moves the part that goes with the elements of parameters; returns those that have it now. */
  private Set<String> move(String part, Map<String, ParameterState> fresh) {
    Set<String> moved = new HashSet<>();
    mapping
        .rearranged(name -> part(old.get(name), part))
        .forEach(
            (name, value) ->
                part(fresh.get(name), part)
                    .filter(own -> Arrays.equals(Tensors.sizes(own), Tensors.sizes(value)))
                    .ifPresent(
                        own -> {
                          own.copy_(value);
                          moved.add(name);
                        }));
    return moved;
  }

  /**
   * Sets the count of steps: of what was made from several, that of the oldest that was trained.
   */
  private void count(String name, String part, @Nullable ParameterState fresh) {
    Optional<Tensor> latest = Optional.empty();
    for (String origin : mapping.origins(name)) {
      Optional<Tensor> own = part(old.get(origin), part);
      if (own.isPresent()
          && (latest.isEmpty() || Tensors.number(own.get()) > Tensors.number(latest.get()))) {
        latest = own;
      }
    }
    latest.ifPresent(value -> part(fresh, part).ifPresent(own -> own.copy_(value)));
  }

  private static Optional<Tensor> part(@Nullable ParameterState state, String part) {
    return Optional.ofNullable(state).map(own -> own.tensors().get(part));
  }
}
