package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.libtorch.autograd.ActivationCheckpoint;
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Components that are called several times in one forward. */
@ExtendWith(InScope.class)
class RepeatedCallsTest {
  private static final double[] INPUT = {1, 2, 3, 4};

  private static Tensor input() {
    return Tensor.create(INPUT).view(1, 2, 2);
  }

  private static StandaloneComponent build(Function<Site, Mixer> maker) {
    return new StandaloneComponent(
        () -> List.of(OddMixer.of(maker)),
        Role.MIXER,
        Texts.config("type = running-sum"),
        2,
        2,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }

  /** Says what it is given: as a loss, as an adjustment, as an observation. */
  private static Tensor tell(Tensor x, Tensor weight, Pass pass) {
    Tensor y = x.mul(weight);
    pass.auxiliaryLoss("sum", y.sum());
    pass.adjust("bias", x.sum().view(1));
    pass.observe("sum", x.sum());
    return y;
  }

  private static Mixer telling(Site site, int times) {
    Tensor weight = site.parameter("weight", Init.ones(), site.width());
    site.parameter(ParameterSpec.of("bias", Init.zeros(), 1).frozen());
    return (x, pass) -> {
      Tensor y = x;
      for (int i = 0; i < times; i++) {
        y = tell(Tensors.mul(x, i + 1.0), weight, pass);
      }
      return y;
    };
  }

  @Test
  void lossesAndAdjustmentsOfOneNameAreSummed() {
    try (StandaloneComponent component = build(site -> telling(site, 3));
        ForwardContext forward = ForwardContext.training().observing()) {
      component.forward(input(), forward);
      Tensor loss = forward.losses().get("component.sum");
      assertEquals(10.0 * (1 + 2 + 3), Tensors.number(loss));
      Backward.run(loss);
      assertArrayEquals(
          new double[] {4 * 6, 6 * 6},
          Tensors.numbers(component.parameters().byName().get("component.weight").working().grad()),
          "the gradient is that of all three");
      assertEquals(60, Tensors.number(forward.adjustments().get("component.bias")));
      assertEquals(30, Tensors.number(forward.observations().get("component.sum")), "the last");
    }
  }

  @Test
  void whatABackwardComputesAgainIsNotAddedAgain() {
    Function<Site, Mixer> checkpointed =
        site -> {
          Tensor weight = site.parameter("weight", Init.ones(), site.width());
          site.parameter(ParameterSpec.of("bias", Init.zeros(), 1).frozen());
          return (x, pass) ->
              ActivationCheckpoint.run(inputs -> new Tensor[] {tell(inputs[0], weight, pass)}, x)[
                  0];
        };
    try (StandaloneComponent component = build(checkpointed);
        ForwardContext forward = ForwardContext.training()) {
      Tensor y = component.forward(input(), forward);
      forward.finish();
      Backward.run(y.square().sum());
      assertArrayEquals(
          new double[] {2 * (1 + 9), 2 * (4 + 16)},
          Tensors.numbers(component.parameters().byName().get("component.weight").working().grad()),
          "it was computed again");
      assertEquals(10, Tensors.number(forward.losses().get("component.sum")));
      assertEquals(10, Tensors.number(forward.adjustments().get("component.bias")));
    }
  }

  @Test
  void nothingOfTheSumsIsLeftBehind() {
    try (StandaloneComponent component = build(site -> telling(site, 3))) {
      long before = 0;
      for (int i = 0; i < 4; i++) {
        Scopes.run(
            () -> {
              try (ForwardContext forward = ForwardContext.training()) {
                component.forward(input(), forward);
              }
            });
        if (i == 0) {
          before = Scopes.liveHandles();
        }
      }
      assertEquals(before, Scopes.liveHandles());
    }
  }
}
