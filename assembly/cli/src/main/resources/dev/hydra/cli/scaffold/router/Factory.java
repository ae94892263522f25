package {{package}};

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Option;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.Optional;

/** Creates routers of type {@code {{type}}}, which choose the experts of the highest scores. */
@HydraPlugin("{{type}}")
public final class {{Name}}Factory implements ComponentFactory<Router> {
  static final Option<Integer> TOP_K =
      Option.integer("top-k", "experts per token").atLeast(1).orElse(2);
  static final Option<Double> BALANCE_LOSS =
      Option.decimal("balance-loss", "coefficient of the load balancing loss; 0 for none")
          .atLeast(0.0)
          .orElse(0.01);

  @Override
  public Role role() {
    return Role.ROUTER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(TOP_K, BALANCE_LOSS);
  }

  @Override
  public Router create(Site site) {
    int topK = site.get(TOP_K);
    if (topK > site.outputs()) {
      throw site.invalid(
          TOP_K, "must be at most the number of experts, " + site.outputs() + ", but is " + topK);
    }
    // In float32, because choosing amplifies rounding.
    ParameterSpec weight =
        ParameterSpec.of("weight", Init.normal(0.02), site.outputs(), site.width()).inFp32();
    return new {{Name}}Router(site.parameter(weight), topK, site.get(BALANCE_LOSS));
  }

  /** Nothing: texts are decoded together, and go on when the component is swapped. */
  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of());
  }

  /** One product; its input, the logits and the scores are kept. */
  @Override
  public Cost cost(Site site, Workload work) {
    double tokens = work.tokens();
    double scores = tokens * site.outputs();
    return Cost.linear(tokens, site.width(), site.outputs())
        .plus(new Cost(4 * scores, 2 * scores, 0, 0));
  }
}
