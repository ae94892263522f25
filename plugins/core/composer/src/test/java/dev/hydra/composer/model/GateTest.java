package dev.hydra.composer.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Samples;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class GateTest {
  private final RandomInput random = new RandomInput();

  /** It reads what its component reads, and keeps weights and sums of more digits. */
  @Test
  void aLearnedGateOfBfloat16ComputesInFloat32() {
    Tensor normed = random.values(2, 5, 64).to(ScalarType.BFloat16);
    Tensor y = random.values(2, 5, 64).to(ScalarType.Float);
    Tensor weight = random.values(1, 64).to(ScalarType.Float);
    Tensor bias = random.values(1).to(ScalarType.Float);
    try (ForwardContext forward = ForwardContext.training()) {
      SitePass pass = new SitePass(forward, SitePath.block(0).child("mixer"));
      Tensor found = new Gate.Learned(weight, bias, 0).apply(y, normed, pass);
      assertThat(Tensors.type(found)).isEqualTo(ScalarType.Float);
      Tensor gates = Tensors.linear(wide(normed), wide(weight), wide(bias)).sigmoid();
      Samples.assertNear("the result", wide(y).mul(gates), wide(found), 1e-6);
    }
  }

  private static Tensor wide(Tensor tensor) {
    return tensor.to(ScalarType.Double);
  }
}
