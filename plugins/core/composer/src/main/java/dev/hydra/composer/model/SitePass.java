package dev.hydra.composer.model;

import dev.hydra.api.Pass;
import dev.hydra.api.StateCache;
import dev.hydra.composer.spec.SitePath;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/** A {@link ForwardContext} as the component at one site sees it. */
public record SitePass(ForwardContext forward, SitePath site) implements Pass {
  @Override
  public Tensor tokens() {
    return forward.tokens();
  }

  @Override
  public boolean training() {
    return forward.isTraining();
  }

  @Override
  public Optional<StateCache> cache() {
    return forward
        .batch()
        .<StateCache>map(batch -> batch.site(site))
        .or(() -> forward.state().map(state -> state.site(site)));
  }

  @Override
  public Optional<Tensor> documents() {
    return forward.documents();
  }

  @Override
  public Tensor shared(String name, Supplier<Tensor> maker) {
    return forward.shared(name, maker);
  }

  @Override
  public Optional<Tensor> padding() {
    return forward.padding();
  }

  @Override
  public void auxiliaryLoss(String name, Tensor loss) {
    forward.addLoss(site.fullName(name), loss);
  }

  @Override
  public void adjust(String parameter, Tensor delta) {
    if (forward.isTraining()) {
      forward.addAdjustment(site.fullName(parameter), delta);
    }
  }

  @Override
  public boolean observing() {
    return forward.isObserving();
  }

  @Override
  public void observe(String name, Tensor value) {
    if (forward.isObserving()) {
      forward.addObservation(site.fullName(name), value);
    }
  }
}
