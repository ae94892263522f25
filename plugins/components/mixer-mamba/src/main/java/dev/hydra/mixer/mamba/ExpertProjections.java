package dev.hydra.mixer.mamba;

import dev.hydra.api.Init;
import dev.hydra.api.Pass;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.api.Site;
import dev.hydra.libtorch.nn.ExpertDispatch;
import dev.hydra.libtorch.nn.LinearInit;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Projections by experts, see {@link MossNetFactory}. A token is routed once, and the same experts
 * with the same weights do all its projections.
 *
 * @param router chooses the experts
 * @param in {@code in_proj.weight} [experts, 2 inner, width]
 * @param inBias {@code in_proj.bias} [2 inner], of all experts together
 * @param select {@code x_proj.weight} [experts, dtRank + 2 state, inner]
 * @param step {@code dt_proj.weight} [experts, inner, dtRank]
 */
record ExpertProjections(
    Router router, Tensor in, Optional<Tensor> inBias, Tensor select, Tensor step)
    implements Projections.Source {
  static ExpertProjections of(Site site, MambaShape shape, Router router, long experts) {
    long inner = shape.inner();
    return new ExpertProjections(
        router,
        site.parameter(
            "in_proj.weight", LinearInit.inner(site.width()), experts, 2 * inner, site.width()),
        site.get(StateSpaceOptions.BIAS)
            ? Optional.of(site.parameter("in_proj.bias", Init.zeros(), 2 * inner))
            : Optional.empty(),
        site.parameter("x_proj.weight", LinearInit.inner(inner), experts, shape.selected(), inner),
        site.parameter("dt_proj.weight", shape.stepInit(), experts, inner, shape.dtRank()));
  }

  @Override
  public Projections of(Tensor hidden, Pass pass) {
    Routing routing = router.route(hidden, pass);
    return new Routed(ExpertDispatch.of(routing, in.size(0)), routing.weights());
  }

  /** The projections of tokens that have been routed. */
  private final class Routed implements Projections {
    private final ExpertDispatch dispatch;
    private final Tensor weights;

    Routed(ExpertDispatch dispatch, Tensor weights) {
      this.dispatch = dispatch;
      this.weights = weights;
    }

    @Override
    public Tensor input(Tensor hidden) {
      Tensor projected = mix(hidden, in);
      return inBias.map(projected::add).orElse(projected);
    }

    @Override
    public Tensor selection(Tensor x) {
      return mix(x, select);
    }

    @Override
    public Tensor steps(Tensor dt) {
      return mix(dt, step);
    }

    /** {@code sum over the chosen e of weight_e W_e x}: [batch, time, in] to [..., out]. */
    private Tensor mix(Tensor x, Tensor matrices) {
      Tensor computed = dispatch.toExperts(x.flatten(0, 1), matrices);
      return dispatch.combine(computed, weights, Optional.empty()).view(x.size(0), x.size(1), -1);
    }
  }
}
