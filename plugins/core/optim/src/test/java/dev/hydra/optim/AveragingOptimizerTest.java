package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The average of the weights against its formula, resumed, skipped and handed over. */
@ExtendWith(InScope.class)
class AveragingOptimizerTest {
  private static final double DECAY = 0.8;

  @ParameterizedTest
  @ValueSource(strings = {"adamw", "muon", "lion"})
  void followsTheFormulaAndGoesOnBitForBit(String type) {
    Tensor whole = torch.ones(3, 4);
    Tensor resumed = torch.ones(3, 4);
    Tensor gradient = torch.zeros(3, 4);
    torch.manual_seed(1);
    double[] expected = new double[12];
    Optimizer first = averaging(type, whole, gradient, Map.of());
    for (int n = 1; n <= 100; n++) {
      if (n == 50) {
        Map<String, ParameterState> states = first.states();
        first.release();
        first = averaging(type, whole, gradient, states);
      }
      gradient.copy_(torch.randn(3, 4));
      first.learningRate(0.01);
      first.stepUnless(torch.zeros());
      double keep = Math.min(DECAY, (n - 1) / (n + 8.0));
      double[] now = Tensors.numbers(whole);
      for (int i = 0; i < 12; i++) {
        expected[i] = keep * expected[i] + (1 - keep) * now[i];
      }
    }
    assertArrayEquals(expected, Tensors.numbers(first.exportState().get("w.ema")), 1e-6);
    Map<String, Tensor> saved = new HashMap<>();
    first.exportState().forEach((name, tensor) -> saved.put(name, tensor.clone()));
    first.stepUnless(torch.ones());
    assertEquals(100, Tensors.number(first.exportState().get("w.ema_step")));
    assertTrue(saved.get("w.ema").equal(first.exportState().get("w.ema")));
    try (Optimizer second = averaging(type, resumed, gradient, Map.of())) {
      second.importState(saved);
      resumed.copy_(whole);
      for (int i = 0; i < 5; i++) {
        gradient.copy_(torch.randn(3, 4));
        first.step(0.01);
        second.step(0.01);
      }
      Map<String, Tensor> state = first.exportState();
      second.exportState().forEach((name, t) -> assertTrue(t.equal(state.get(name)), name));
    }
    first.close();
  }

  @Test
  void theStateHasItBesideTheOptimizers() {
    try (Optimizer optimizer = averaging("lion", torch.ones(2), torch.ones(2), Map.of())) {
      assertEquals(
          List.of("w.exp_avg", "w.ema_step", "w.ema"),
          List.copyOf(optimizer.exportState().keySet()));
    }
  }

  private static Optimizer averaging(
      String type, Tensor value, Tensor gradient, Map<String, ParameterState> known) {
    return OptimizerSettings.read(ConfigFactory.parseString("type = " + type), Plugins.ALL)
        .averaging(DECAY)
        .optimizer(List.of(new OptimizedParameter("w", value, gradient, true)), known);
  }
}
