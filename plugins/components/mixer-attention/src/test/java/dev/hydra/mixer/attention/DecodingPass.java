package dev.hydra.mixer.attention;

import dev.hydra.api.Pass;
import dev.hydra.api.StateCache;
import dev.hydra.libtorch.runtime.Scopes;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/**
 * A decoding step.
 *
 * @param state of the rows
 * @param made what its layers share
 */
record DecodingPass(FixedSlots state, Map<String, Tensor> made) implements Pass {
  DecodingPass(FixedSlots state) {
    this(state, new HashMap<>());
  }

  @Override
  public Tensor tokens() {
    throw new IllegalStateException("rotations are of positions");
  }

  @Override
  public boolean training() {
    return false;
  }

  @Override
  public Optional<StateCache> cache() {
    return Optional.of(state);
  }

  @Override
  public Optional<Tensor> documents() {
    return Optional.empty();
  }

  @Override
  public Tensor shared(String name, Supplier<Tensor> maker) {
    return made.computeIfAbsent(
        name, absent -> Scopes.own(Scopes.keep(() -> maker.get().detach())));
  }

  @Override
  public Optional<Tensor> padding() {
    return Optional.empty();
  }

  @Override
  public void auxiliaryLoss(String name, Tensor loss) {
    throw new IllegalStateException("nothing is trained");
  }

  @Override
  public void adjust(String parameter, Tensor delta) {
    throw new IllegalStateException("nothing is trained");
  }

  @Override
  public boolean observing() {
    return false;
  }

  @Override
  public void observe(String name, Tensor value) {
    throw new IllegalStateException("nobody observes");
  }
}
