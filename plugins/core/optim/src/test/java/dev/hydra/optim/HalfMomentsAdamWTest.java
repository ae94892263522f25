package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** AdamW with moments in bfloat16. */
@ExtendWith(InScope.class)
class HalfMomentsAdamWTest {
  private static final AdamW.Constants CONSTANTS = new AdamW.Constants(0.9, 0.95, 1e-8, 0.1);
  private static final double RATE = 1 / 64.0;

  /** Moments have 8 bits, so that a step is exact to about a hundredth of itself. */
  @Test
  void followsTheAlgorithmWithinTheRoundingOfItsMoments() {
    torch.manual_seed(1);
    Tensor value = torch.randn(32, 32);
    Tensor gradient = torch.zeros(32, 32);
    double[] start = Tensors.numbers(value);
    ReferenceAdamW reference = new ReferenceAdamW(CONSTANTS, true, start.clone());
    try (Optimizer optimizer = half(value, gradient)) {
      for (int step = 0; step < 30; step++) {
        gradient.copy_(Tensors.add(torch.randn(32, 32), 1));
        reference.step(Tensors.numbers(gradient), RATE);
        optimizer.step(RATE);
      }
      assertEquals(ScalarType.BFloat16, Tensors.type(optimizer.exportState().get("w.exp_avg_sq")));
      assertEquals(30, Tensors.number(optimizer.exportState().get("w.step")));
    }
    double error = 0;
    double moved = 0;
    double[] actual = Tensors.numbers(value);
    for (int i = 0; i < start.length; i++) {
      error += Math.abs(actual[i] - reference.value()[i]);
      moved += Math.abs(reference.value()[i] - start[i]);
    }
    assertTrue(error < 0.005 * moved, "error " + error + " of " + moved);
  }

  @Test
  void roundingKeepsTheMeanAndGoesToANeighbour() {
    Tensor value = Tensors.add(torch.zeros(100_000), 1 + 0.3 / 128);
    Tensor step = Tensors.add(torch.zeros(), 3);
    Tensor drawn = new StochasticRounding(0, "w").draw(step, StochasticRounding.numbers(value));
    for (boolean high : new boolean[] {false, true}) {
      Tensor rounded = StochasticRounding.round(value, drawn, high).to(ScalarType.Double);
      assertEquals(1 + 0.3 / 128, Tensors.number(rounded.mean()), 0.01 / 128);
      assertEquals(1, Tensors.number(rounded.min()));
      assertEquals(1 + 1.0 / 128, Tensors.number(rounded.max()));
      Tensor negative = StochasticRounding.round(value.neg(), drawn, high).to(ScalarType.Double);
      assertTrue(negative.neg().equal(rounded));
    }
    Tensor special =
        Tensor.create(new float[] {0, Float.POSITIVE_INFINITY, Float.NaN, 0.5f, -2}, 5);
    Tensor kept = StochasticRounding.round(special, Tensors.slice(drawn, 0, 0, 5), false);
    assertArrayEquals(
        new double[] {0, Double.POSITIVE_INFINITY, Double.NaN, 0.5, -2}, Tensors.numbers(kept));
  }

  @Test
  void ofATableTheRowsThatWereReadChange() {
    Tensor table = torch.ones(6, 2);
    Tensor rows = Tensor.create(new long[] {1, 4}, 1, 2);
    Tensor gradient =
        torch.sparse_coo_tensor(rows, torch.ones(2, 2), Tensors.sizes(table)).coalesce();
    try (Optimizer optimizer = half(table, gradient)) {
      optimizer.step(0.25);
    }
    double touched = 1 - 0.25 * 0.1 - 0.25;
    assertArrayEquals(
        new double[] {1, 1, touched, touched, 1, 1, 1, 1, touched, touched, 1, 1},
        Tensors.numbers(table),
        1e-6);
  }

  @Test
  void aRestoredOptimizerContinuesBitForBitAndASkippedStepChangesNothing() {
    OptimizerChecks.continuesBitForBit(HalfMomentsAdamWTest::half, RATE);
  }

  private static Optimizer half(Tensor value, Tensor gradient) {
    return OptimizerSettings.read(
            ConfigFactory.parseString("moments = bf16, moments-seed = 5"), Plugins.ALL)
        .optimizer(List.of(new OptimizedParameter("w", value, gradient, true)), Map.of());
  }
}
