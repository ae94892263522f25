package {{package}};

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import java.util.List;
import java.util.Optional;

/** Creates mixers of type {@code {{type}}}, exponential moving averages over time. */
@HydraPlugin("{{type}}")
public final class {{Name}}Factory implements ComponentFactory<Mixer> {
  static final Option<Integer> HORIZON =
      Option.integer("horizon", "tokens that an untrained channel looks back")
          .atLeast(2)
          .orElse(16);

  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of(HORIZON);
  }

  @Override
  public Mixer create(Site site) {
    // sigmoid(log(h - 1)) = 1 - 1 / h
    Init init = Init.constant(Math.log(site.get(HORIZON) - 1));
    ParameterSpec decayLogit = ParameterSpec.of("decay_logit", init, site.width()).inFp32();
    return new {{Name}}Mixer(site.parameter(decayLogit));
  }

  /** The last average: texts are decoded together, and go on when the component is swapped. */
  @Override
  public Optional<List<StateSpec>> state(Site site) {
    StateSpec last = StateSpec.of({{Name}}Mixer.LAST, site.width()).in(StateSpec.Dtype.FLOAT32);
    return Optional.of(List.of(last));
  }

  /** A shift, a product and a sum for each doubling of the span; the state is the last average. */
  @Override
  public Cost cost(Site site, Workload work) {
    double elements = (double) work.tokens() * site.width();
    int doublings = Long.SIZE - Long.numberOfLeadingZeros(work.tokens() - 1);
    return new Cost((1 + 2 * doublings) * elements, (1 + doublings) * elements, site.width(), 0);
  }
}
