package {{package}};

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

class {{Name}}Test {
  private static final int WIDTH = 3;
  private static final int SLOTS = 5;

  /** Causality, gradients, state, packing and more, as for Hydra's own components. */
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Conformance.of(new {{Name}}Factory()).options("slots = 5").tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }

  /** The kit does not know the formula: here it is in plain loops. */
  @Test
  void readsBySimilarity() {
    Random random = new Random(1);
    double[] x = random.doubles(WIDTH, -1, 1).toArray();
    double[] keys = random.doubles(SLOTS * WIDTH, -1, 1).toArray();
    double[] values = random.doubles(WIDTH * SLOTS, -1, 1).toArray();
    double[] expected = new double[WIDTH];
    double sum = 0;
    for (int s = 0; s < SLOTS; s++) {
      double score = 0;
      for (int i = 0; i < WIDTH; i++) {
        score += keys[s * WIDTH + i] * x[i] / Math.sqrt(WIDTH);
      }
      sum += Math.exp(score);
      for (int i = 0; i < WIDTH; i++) {
        expected[i] += Math.exp(score) * values[i * SLOTS + s];
      }
    }
    for (int i = 0; i < WIDTH; i++) {
      expected[i] /= sum;
    }
    try (PointerScope scope = new PointerScope();
        StandaloneComponent memory = component();
        ForwardContext forward = ForwardContext.evaluation()) {
      memory.parameters().load("component.keys.weight", Tensor.create(keys, SLOTS, WIDTH));
      memory.parameters().load("component.values.weight", Tensor.create(values, WIDTH, SLOTS));
      Tensor y = memory.forward(Tensor.create(x, 1, 1, WIDTH), forward);
      assertArrayEquals(expected, Tensors.numbers(y), 1e-12);
    }
  }

  private static StandaloneComponent component() {
    return new StandaloneComponent(
        Components.of(new {{Name}}Factory()),
        Role.MEMORY,
        ConfigFactory.parseString("type = {{type}}, slots = " + SLOTS),
        WIDTH,
        WIDTH,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }
}
