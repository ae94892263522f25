package dev.hydra.mixer.mamba;

import dev.hydra.api.ChildConfig;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Creates mixtures of state-space experts (MossNet, arXiv 2510.26182): Mamba mixers, see {@link
 * MambaFactory}, in which a router chooses for each token the experts that project it into the
 * state space. Every routed projection is {@code sum over the chosen e of weight_e W_e x}.
 *
 * <p>With B and C mixed so, what token s leaves for token t is a sum over pairs of experts (i, j)
 * of {@code weight_i(t) weight_j(s) C_i(t) . decay(s, t) B_j(s)}: each pair is a head of a linear
 * attention, and all heads share one state, so decoding holds no more than in {@code mamba}.
 *
 * <p>The layer follows the idea of the paper with these choices. Experts have matrices of their own
 * for all that feeds the state space: {@code in_proj} (x and the gate z), {@code x_proj} (dt, B, C)
 * and {@code dt_proj} (step sizes). Shared are the dynamics (A, D and the bias of the steps, so
 * that the time scales do not depend on the scale of the router's weights), the convolution, the
 * norms, all other biases and {@code out_proj}. One decision, made from the hidden state that
 * enters the layer, holds for all projections of a token, which is sorted to its experts once. With
 * one expert and normalised weights the layer is {@code mamba}. What the paper does in the
 * feed-forwards of a model is {@code moe}.
 *
 * <p>On CUDA in bfloat16 the host does not wait for the device if {@code dt-rank}, {@code state},
 * the inner channels and the width are multiples of 8.
 */
@HydraPlugin("mossnet")
public final class MossNetFactory implements ComponentFactory<Mixer> {
  static final Option<Integer> EXPERTS =
      Option.integer("experts", "experts to choose from").atLeast(1).orElse(8);
  static final Option<ChildConfig<Router>> ROUTER =
      Option.component(Role.ROUTER, "topk", "chooses the experts");

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return Stream.concat(MambaFactory.OPTIONS.stream(), Stream.of(EXPERTS, ROUTER)).toList();
  }

  @Override
  public Mixer create(Site site) {
    StateSpaceOptions.checkSteps(site);
    MambaShape shape = MambaShape.of(site);
    int experts = site.get(EXPERTS);
    Router router = site.child(ROUTER, experts);
    return new Mamba(site, shape, ExpertProjections.of(site, shape, router, experts));
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(MambaShape.of(site).kept(site));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    int experts = site.get(EXPERTS);
    int topK = site.child(ROUTER, experts).topK();
    MambaShape shape = MambaShape.of(site);
    return MambaCost.routed(shape, site.width(), experts, topK, work.tokens())
        .plus(MambaCost.shared(site, shape, work));
  }
}
