package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** The fused kernel against the formula, over lengths of several of its tiles. */
class AttentionTest {
  private static final int TIME = 300;
  private static final double SCALE = 0.9;

  @Test
  void causalEqualsTheFormula() {
    try (PointerScope scope = new PointerScope()) {
      Tensor lowerTriangle = torch.ones(TIME, TIME).tril().to(ScalarType.Bool).unsqueeze(0);
      new Formula(lowerTriangle, SCALE)
          .check(x -> Attention.causal(x, SCALE), Formula.inputs(2, TIME, TIME, 6, 2, 4), 1e-11);
    }
  }

  @Test
  void openEqualsTheFormula() {
    try (PointerScope scope = new PointerScope()) {
      Tensor all = torch.ones(1, TIME).to(ScalarType.Bool).unsqueeze(0);
      new Formula(all, SCALE)
          .check(x -> Attention.open(x, SCALE), Formula.inputs(2, 1, TIME, 6, 2, 4), 1e-11);
    }
  }

  @Test
  void neverComputesInBfloat16OnTheCpu() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.zeros(1, 1, 4);
      assertEquals(ScalarType.Float, Attention.type(x.to(ScalarType.BFloat16)));
      assertEquals(ScalarType.Float, Attention.type(x));
      assertEquals(ScalarType.Double, Attention.type(x.to(ScalarType.Double)));
    }
  }
}
