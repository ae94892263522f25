package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import com.typesafe.config.ConfigFactory;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Lion against algorithm 2 of arXiv 2302.06675, written down number by number. */
@ExtendWith(InScope.class)
class LionTest {
  private static final double RATE = 1 / 256.0;

  @ParameterizedTest
  @CsvSource({"Double, 1e-12", "Float, 2e-6"})
  void agreesWithTheAlgorithmOverFiftySteps(ScalarType type, double tolerance) {
    Random random = new Random(1);
    Tensor value = Tensor.create(random.doubles(40, -1, 1).toArray(), 5, 8).to(type);
    Tensor gradient = torch.zeros_like(value);
    double[] expected = Tensors.numbers(value);
    double[] average = new double[40];
    try (Optimizer lion = lion("weight-decay = 0.3", value, gradient, true)) {
      for (int step = 0; step < 50; step++) {
        gradient.copy_(Tensor.create(random.doubles(40, -1, 1).toArray(), 5, 8));
        double[] g = Tensors.numbers(gradient);
        for (int i = 0; i < 40; i++) {
          double update = Math.signum(0.9 * average[i] + 0.1 * g[i]);
          expected[i] -= RATE * (update + 0.3 * expected[i]);
          average[i] = 0.99 * average[i] + 0.01 * g[i];
        }
        lion.step(RATE);
      }
      assertArrayEquals(average, Tensors.numbers(lion.exportState().get("w.exp_avg")), tolerance);
    }
    assertArrayEquals(expected, Tensors.numbers(value), tolerance);
  }

  @Test
  void ofATableTheRowsThatWereReadChange() {
    Tensor table = torch.ones(6, 2);
    Tensor rows = Tensor.create(new long[] {1, 4}, 1, 2);
    Tensor values = Tensor.create(new float[] {1, -1, 0, 2}, 2, 2);
    Tensor gradient = torch.sparse_coo_tensor(rows, values, Tensors.sizes(table)).coalesce();
    try (Optimizer lion = lion("", table, gradient, false)) {
      lion.step(0.25);
      assertArrayEquals(
          new double[] {0, 0, 0.01, -0.01, 0, 0, 0, 0, 0, 0.02, 0, 0},
          Tensors.numbers(lion.exportState().get("w.exp_avg")),
          1e-9);
      lion.stepUnless(torch.ones());
    }
    assertArrayEquals(
        new double[] {1, 1, 0.75, 1.25, 1, 1, 1, 1, 1, 0.75, 1, 1}, Tensors.numbers(table), 1e-7);
  }

  @Test
  void aRestoredOptimizerContinuesBitForBitAndASkippedStepChangesNothing() {
    OptimizerChecks.continuesBitForBit((value, gradient) -> lion("", value, gradient, true), RATE);
  }

  private static Optimizer lion(String options, Tensor value, Tensor gradient, boolean decay) {
    return OptimizerSettings.read(ConfigFactory.parseString("type = lion\n" + options), Plugins.ALL)
        .optimizer(List.of(new OptimizedParameter("w", value, gradient, decay)), Map.of());
  }
}
