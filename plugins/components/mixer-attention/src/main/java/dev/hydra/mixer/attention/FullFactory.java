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

/**
 * Full causal multi-head attention (arXiv 1706.03762) with rotary positions and grouped queries.
 *
 * <p>Parameters {@code q_proj.weight} [heads headDim, width], {@code k_proj.weight} and {@code
 * v_proj.weight} [kvHeads headDim, width], {@code o_proj.weight} [width, heads headDim]; with
 * {@code bias} also {@code q_proj.bias} and so on; with {@code qk-norm} also {@code q_norm.weight}
 * and {@code k_norm.weight} [headDim]. Time is quadratic in the length, memory linear, and decoding
 * state grows with every token.
 */
@HydraPlugin("full")
public final class FullFactory implements ComponentFactory<Mixer> {
  /** Creates the factory, for the registry. */
  public FullFactory() {}

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return Projections.OPTIONS;
  }

  @Override
  public Mixer create(Site site) {
    return new AttentionMixer(site, SparsePattern.full());
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(KeptKeys.state(site, SparsePattern.full()));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    return AttentionMixer.cost(site, SparsePattern.full(), work);
  }
}
