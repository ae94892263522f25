package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.Cost;
import dev.hydra.api.Role;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class StandaloneComponentTest {
  private static StandaloneComponent build(Role role, String hocon, int outputs) {
    return new StandaloneComponent(
        Models.components(),
        role,
        Texts.config(hocon),
        2,
        outputs,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }

  @Test
  void runsALayerAndMovesItsStateOn() {
    try (StandaloneComponent sum = build(Role.MIXER, "type = running-sum", 2);
        ModelState state = new ModelState();
        ForwardContext forward = ForwardContext.evaluation().with(state)) {
      sum.parameters().load("component.weight", Tensor.create(1.0, 0.0, 0.0, 2.0).view(2, 2));
      Tensor x = Tensor.create(1.0, 1.0, 2.0, 3.0).view(1, 2, 2);
      assertArrayEquals(new double[] {1, 2, 3, 8}, Tensors.numbers(sum.forward(x, forward)));
      assertArrayEquals(new double[] {4, 10, 6, 16}, Tensors.numbers(sum.forward(x, forward)));
      assertEquals(4, state.position());
    }
  }

  @Test
  void showsARoutingAsTheWeightOfEveryExpert() {
    try (StandaloneComponent router = build(Role.ROUTER, "type = best", 3);
        ForwardContext forward = ForwardContext.evaluation()) {
      router
          .parameters()
          .load("component.weight", Tensor.create(0.0, 0.0, 1.0, 0.0, 0.0, 1.0).view(3, 2));
      Tensor x = Tensor.create(0.0, Math.log(2), Math.log(6), 0.0).view(1, 2, 2);
      assertArrayEquals(
          new double[] {0, 0, 0.5, 0, 0.75, 0}, Tensors.numbers(router.forward(x, forward)), 1e-12);
    }
  }

  @Test
  void costsWhatItsChildrenCostToo() {
    try (StandaloneComponent scales = build(Role.FEED_FORWARD, "type = scales", 2)) {
      Cost router = Cost.linear(5, 2, 3);
      assertEquals(
          router.plus(new Cost(2 * 5 * 2, 5 * 2, 0, 2 * 2)), scales.cost(Workload.sequence(5)));
    }
  }
}
