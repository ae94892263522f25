package com.example.hydra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class EmaTest {
  /** Causality, gradients, state, packing and more, as for Hydra's own components. */
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Conformance.of(new EmaFactory()).options("horizon = 4").tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }

  /** The kit does not know the formula: here it is in plain loops. */
  @Test
  void averagesOverTime() {
    double[] decayLogit = {-1, 0.5, 3};
    int width = decayLogit.length;
    double[] x = new Random(1).doubles(20L * width, -1, 1).toArray();
    double[] expected = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      double decay = 1 / (1 + Math.exp(-decayLogit[i % width]));
      expected[i] = (1 - decay) * x[i] + (i < width ? 0 : decay * expected[i - width]);
    }
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = component(width);
        ForwardContext forward = ForwardContext.evaluation()) {
      mixer.parameters().load("component.decay_logit", Tensor.create(decayLogit));
      Tensor y = mixer.forward(Tensor.create(x, 1, 20, width), forward);
      assertArrayEquals(expected, Tensors.numbers(y), 1e-12);
    }
  }

  private static StandaloneComponent component(int width) {
    return new StandaloneComponent(
        Components.of(new EmaFactory()),
        Role.MIXER,
        ConfigFactory.parseString("type = ema"),
        width,
        width,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }
}
