package {{package}};

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.tck.Conformance;
import java.util.Arrays;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class {{Name}}Test {
  /** Causality, gradients, state, packing and more, as for Hydra's own components. */
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Conformance.of(new {{Name}}Factory()).options("top-k = 2").tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }

  /** The kit does not know the formula: here it is in plain loops. */
  @Test
  void choosesTheBest() {
    double[] logits = {0.3, -1, 2, 0.5};
    double[] powers = Arrays.stream(logits).map(Math::exp).toArray();
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = component(logits.length, 2);
        ForwardContext forward = ForwardContext.evaluation()) {
      useHiddenStatesAsLogits(router, logits.length);
      Tensor x = Tensor.create(logits, 1, 1, logits.length);
      double[] expected = {
        0, 0, powers[2] / (powers[2] + powers[3]), powers[3] / (powers[2] + powers[3])
      };
      assertArrayEquals(expected, Tensors.numbers(router.forward(x, forward)), 1e-12);
    }
  }

  /** Both tokens choose expert 0: it has all of the load and its mean score. */
  @Test
  void punishesImbalance() {
    double[] logits = {2, 0, 1, 0};
    double meanScore = (1 / (1 + Math.exp(-2)) + 1 / (1 + Math.exp(-1))) / 2;
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = component(2, 1);
        ForwardContext forward = ForwardContext.training()) {
      useHiddenStatesAsLogits(router, 2);
      router.forward(Tensor.create(logits, 1, 2, 2), forward);
      Tensor loss = forward.losses().get("component.balance");
      assertEquals(0.01 * 2 * meanScore, Tensors.number(loss), 1e-12);
    }
  }

  private static void useHiddenStatesAsLogits(StandaloneComponent router, int experts) {
    double[] identity = new double[experts * experts];
    for (int i = 0; i < experts; i++) {
      identity[i * experts + i] = 1;
    }
    router.parameters().load("component.weight", Tensor.create(identity, experts, experts));
  }

  private static StandaloneComponent component(int experts, int topK) {
    return new StandaloneComponent(
        Components.of(new {{Name}}Factory()),
        Role.ROUTER,
        ConfigFactory.parseString("type = {{type}}, top-k = " + topK),
        experts,
        experts,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }
}
