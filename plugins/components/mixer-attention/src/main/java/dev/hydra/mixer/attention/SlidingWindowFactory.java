package dev.hydra.mixer.attention;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Sliding window attention (Longformer, arXiv 2004.05150; causal as in Mistral 7B, 2310.06825):
 * each token sees the last {@code window} tokens, itself included.
 *
 * <p>Parameters as in {@link FullFactory}, to which it is equal as long as the sequence is no
 * longer than the window. Time and memory are linear in the length; the decoding state is constant:
 * {@code window} keys and values.
 */
@HydraPlugin("sliding-window")
public final class SlidingWindowFactory implements ComponentFactory<Mixer> {
  /** Creates the factory, for the registry. */
  public SlidingWindowFactory() {}

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return Stream.concat(Projections.OPTIONS.stream(), Stream.of(SparsePattern.WINDOW)).toList();
  }

  @Override
  public Mixer create(Site site) {
    return new AttentionMixer(site, pattern(site));
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(KeptKeys.state(site, pattern(site)));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return AttentionMixer.cost(site, pattern(site), work);
  }

  private static SparsePattern pattern(Site site) {
    return SparsePattern.local(site.get(SparsePattern.WINDOW));
  }
}
