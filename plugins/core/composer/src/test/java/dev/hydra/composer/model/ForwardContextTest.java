package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.Pass;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class ForwardContextTest {
  @Test
  void whatSitesShareIsMadeOnceAndOutlivesTheScopeItIsMadeIn() {
    Tensor source = Tensor.create(1.0, 2.0).set_requires_grad(true);
    try (ForwardContext forward = ForwardContext.training()) {
      Pass first = new SitePass(forward, SitePath.block(0));
      Pass second = new SitePass(forward, SitePath.block(1));
      Scopes.run(() -> first.shared("twice", () -> Tensors.mul(source, 2.0)));
      Tensor shared = second.shared("twice", () -> Tensors.mul(source, 3.0));
      assertEquals(6, Tensors.number(shared.sum()));
      assertFalse(shared.requires_grad());
      assertEquals(
          9, Tensors.number(second.shared("thrice", () -> Tensors.mul(source, 3.0)).sum()));
    }
  }

  @Test
  void eachForwardMakesItsOwn() {
    long handles = Scopes.liveHandles();
    for (double factor : new double[] {2, 5}) {
      Scopes.run(
          () -> {
            try (ForwardContext forward = ForwardContext.evaluation()) {
              Pass pass = new SitePass(forward, SitePath.block(0));
              Tensor made = pass.shared("x", () -> Tensors.mul(Tensor.create(1.0), factor));
              assertEquals(factor, Tensors.number(made));
            }
          });
    }
    assertTrue(Scopes.liveHandles() <= handles, "handles are left");
  }
}
