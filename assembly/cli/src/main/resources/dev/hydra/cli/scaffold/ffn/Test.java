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
  private static final int HIDDEN = 5;

  /** Causality, gradients, state, packing and more, as for Hydra's own components. */
  @TestFactory
  Stream<DynamicTest> conforms() {
    return Conformance.of(new {{Name}}Factory()).options("hidden = 5").tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }

  /** The kit does not know the formula: here it is in plain loops. */
  @Test
  void squaresWhatIsPositive() {
    Random random = new Random(1);
    double[] x = random.doubles(WIDTH, -1, 1).toArray();
    double[] up = random.doubles(HIDDEN * WIDTH, -1, 1).toArray();
    double[] down = random.doubles(WIDTH * HIDDEN, -1, 1).toArray();
    double[] expected = new double[WIDTH];
    for (int h = 0; h < HIDDEN; h++) {
      double inner = 0;
      for (int i = 0; i < WIDTH; i++) {
        inner += up[h * WIDTH + i] * x[i];
      }
      double squared = inner > 0 ? inner * inner : 0;
      for (int i = 0; i < WIDTH; i++) {
        expected[i] += down[i * HIDDEN + h] * squared;
      }
    }
    try (PointerScope scope = new PointerScope();
        StandaloneComponent ffn = component();
        ForwardContext forward = ForwardContext.evaluation()) {
      ffn.parameters().load("component.up_proj.weight", Tensor.create(up, HIDDEN, WIDTH));
      ffn.parameters().load("component.down_proj.weight", Tensor.create(down, WIDTH, HIDDEN));
      Tensor y = ffn.forward(Tensor.create(x, 1, 1, WIDTH), forward);
      assertArrayEquals(expected, Tensors.numbers(y), 1e-12);
    }
  }

  private static StandaloneComponent component() {
    return new StandaloneComponent(
        Components.of(new {{Name}}Factory()),
        Role.FEED_FORWARD,
        ConfigFactory.parseString("type = {{type}}, hidden = " + HIDDEN),
        WIDTH,
        WIDTH,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }
}
