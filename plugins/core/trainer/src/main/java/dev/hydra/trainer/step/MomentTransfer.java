package dev.hydra.trainer.step;

import dev.hydra.composer.swap.ParameterMapping;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.Moments;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Moments follow their parameters.
 *
 * @param mapping how parameters came from older ones
 * @param old the moments of the older ones by their names
 */
public record MomentTransfer(ParameterMapping mapping, Map<String, Moments> old) {
  /** Fills moments of new parameters, by their names, as far as something is known of them. */
  public void into(Map<String, Moments> fresh) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      carry(fresh, Moments::average);
      carry(fresh, Moments::square);
    }
  }

  private void carry(Map<String, Moments> fresh, Function<Moments, Tensor> quantity) {
    Map<String, Tensor> moved =
        mapping.rearranged(name -> Optional.ofNullable(old.get(name)).map(quantity));
    moved.forEach(
        (name, value) -> {
          Moments own = fresh.get(name);
          if (own != null) {
            quantity.apply(own).copy_(value);
            latest(mapping.origins(name)).ifPresent(step -> own.step().copy_(step));
          }
        });
  }

  /** The step count of what was made from several is that of the oldest that was trained. */
  private Optional<Tensor> latest(Iterable<String> origins) {
    Optional<Tensor> latest = Optional.empty();
    for (String name : origins) {
      Moments own = old.get(name);
      if (own != null
          && (latest.isEmpty() || Tensors.number(own.step()) > Tensors.number(latest.get()))) {
        latest = Optional.of(own.step());
      }
    }
    return latest;
  }
}
