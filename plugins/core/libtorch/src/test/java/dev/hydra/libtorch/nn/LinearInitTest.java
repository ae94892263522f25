package dev.hydra.libtorch.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.Init;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class LinearInitTest {
  private static final int ELEMENTS = 1 << 18;

  @Test
  void whatIsProjectedIsAsLargeAtEveryNarrowWidth() {
    for (long in : new long[] {16, 64, 256}) {
      assertEquals(1 / Math.sqrt(3.0), deviation(LinearInit.inner(in)) * Math.sqrt(in), 0.01);
    }
  }

  @Test
  void wideMapsStartWithTheDeviationOfGpt2() {
    assertEquals(0.02, deviation(LinearInit.inner(1024)), 2e-4);
    assertEquals(0.02, deviation(LinearInit.inner(8192)), 2e-4);
  }

  @Test
  void whatIsAddedToTheStreamIsSmallerWithDepth() {
    assertEquals(0.02 / 4, deviation(LinearInit.outer(8, 1024)), 5e-5);
    assertEquals(1 / Math.sqrt(3.0 * 64) / 2, deviation(LinearInit.outer(2, 64)), 4e-4);
  }

  private static double deviation(Init init) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      Tensor weight = torch.empty(ELEMENTS);
      init.fill(weight, torch.make_generator_cpu(5));
      return Math.sqrt(Tensors.number(weight.square().mean()));
    }
  }
}
