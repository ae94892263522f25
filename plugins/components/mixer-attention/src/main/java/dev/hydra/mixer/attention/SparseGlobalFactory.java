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
 * Sparse global attention, Hydra's SGA (arXiv 2508.15099): each token sees the last {@code window}
 * tokens, the newest {@code globals} of the positions that {@code global-every} divides and lie
 * before the window, and the first token; see {@link SparsePattern}.
 *
 * <p>Parameters as in {@link FullFactory}. Time and memory are linear in the length; the decoding
 * state is constant: {@code window + globals + 1} keys and values.
 */
@HydraPlugin("sparse-global")
public final class SparseGlobalFactory implements ComponentFactory<Mixer> {
  /** Creates the factory, for the registry. */
  public SparseGlobalFactory() {}

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return Stream.of(Projections.OPTIONS, SparsePattern.OPTIONS)
        .<Option<?>>flatMap(List::stream)
        .toList();
  }

  @Override
  public Mixer create(Site site) {
    return new AttentionMixer(site, SparsePattern.of(site));
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(KeptKeys.state(site, SparsePattern.of(site)));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return AttentionMixer.cost(site, SparsePattern.of(site), work);
  }
}
