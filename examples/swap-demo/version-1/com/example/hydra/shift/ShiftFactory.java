package com.example.hydra.shift;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A mixer of type {@code shift}: each channel mixes a token with the one before, {@code y[t] = (1 -
 * a) x[t] + a x[t-1]}, in a proportion {@code a} that it learns.
 */
@HydraPlugin("shift")
public final class ShiftFactory implements ComponentFactory<Mixer> {
  @Override
  public Role role() {
    return Role.MIXER;
  }

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Mixer create(Site site) {
    return new Shift(site.parameter(ParameterSpec.of("mix_logit", Init.zeros(), site.width())));
  }

  @Override
  public Cost cost(Site site, Workload work) {
    double elements = (double) work.tokens() * site.width();
    return new Cost(3 * elements, 3 * elements, site.width(), 0);
  }

  @Override
  public Optional<List<StateSpec>> state(Site site) {
    return Optional.of(List.of(StateSpec.of(Shift.LAST, site.width())));
  }

  /**
   * The mixer.
   *
   * @param mixLogit [width]: the proportion is its sigmoid
   */
  private record Shift(Tensor mixLogit) implements Mixer {
    private static final String LAST = "last";

    @Override
    public Tensor forward(Tensor x, Pass pass) {
      return x.add(before(x, pass).sub(x).mul(torch.sigmoid(mixLogit)));
    }

    /** At every token the one before it in the same document, or zeros. */
    private static Tensor before(Tensor x, Pass pass) {
      long time = x.size(1);
      Tensor before = Tensors.pad(Tensors.slice(x, 1, 0, time - 1), 1, 1, 0);
      if (pass.documents().isPresent()) {
        Tensor document = pass.documents().get(); // [batch, time]
        Tensor same =
            Tensors.slice(document, 1, 1, time).eq(Tensors.slice(document, 1, 0, time - 1));
        before = before.mul(Tensors.pad(same.to(Tensors.type(x)), 1, 1, 0).unsqueeze(-1));
      }
      if (pass.cache().isPresent()) {
        if (pass.cache().get().get(LAST).isPresent()) {
          Tensor last = pass.cache().get().get(LAST).get().unsqueeze(1);
          before = Tensors.cat(1, last, Tensors.slice(before, 1, 1, time));
        }
        pass.cache().get().put(LAST, x.select(1, time - 1).clone());
      }
      return before;
    }
  }
}
