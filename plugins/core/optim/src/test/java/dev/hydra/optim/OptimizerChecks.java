package dev.hydra.optim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BiFunction;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** What every optimizer has to do. */
final class OptimizerChecks {
  private OptimizerChecks() {}

  /**
   * Checks that an optimizer goes on bit for bit from a state that was saved, and that a step that
   * is left out changes nothing, whatever its gradient.
   *
   * @param of makes the optimizer of a parameter and its gradient
   */
  static void continuesBitForBit(BiFunction<Tensor, Tensor, Optimizer> of, double rate) {
    Tensor whole = torch.ones(5, 8);
    Tensor resumed = torch.ones(5, 8);
    Tensor gradient = torch.zeros(5, 8);
    try (Optimizer first = of.apply(whole, gradient);
        Optimizer second = of.apply(resumed, gradient)) {
      torch.manual_seed(1);
      first.learningRate(rate);
      second.learningRate(rate);
      gradient.copy_(Tensors.add(torch.zeros(5, 8), Double.NaN));
      first.stepUnless(torch.ones());
      assertTrue(whole.equal(resumed));
      for (int i = 0; i < 10; i++) {
        gradient.copy_(torch.randn(5, 8));
        first.step();
      }
      Map<String, Tensor> saved = new HashMap<>();
      first.exportState().forEach((name, tensor) -> saved.put(name, tensor.clone()));
      second.importState(saved);
      resumed.copy_(whole);
      gradient.copy_(Tensors.add(torch.zeros(5, 8), Double.NaN));
      first.stepUnless(torch.ones());
      for (int i = 0; i < 10; i++) {
        gradient.copy_(torch.randn(5, 8));
        first.stepUnless(torch.zeros());
        second.step();
      }
      second
          .exportState()
          .forEach((name, t) -> assertTrue(t.equal(first.exportState().get(name)), name));
    }
    assertTrue(whole.equal(resumed));
  }
}
