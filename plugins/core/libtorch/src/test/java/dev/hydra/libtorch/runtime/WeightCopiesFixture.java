package dev.hydra.libtorch.runtime;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.ExtendWith;

/** What tests of copies of weights stand on: copies serve where no gradients are recorded. */
@ExtendWith(InScope.class)
abstract class WeightCopiesFixture {
  private final Grad off = Grad.off();

  @AfterEach
  void recordAgain() {
    off.close();
  }

  /** Weights, or what they multiply, in bfloat16. */
  static Tensor random(long... sizes) {
    return torch.randn(sizes).to(ScalarType.BFloat16);
  }
}
