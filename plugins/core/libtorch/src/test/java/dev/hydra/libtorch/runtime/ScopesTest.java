package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.testing.Handles;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class ScopesTest {
  @Test
  void runFreesWhatIsCreated() {
    List<Tensor> created = new ArrayList<>();
    Scopes.run(() -> created.add(torch.ones(3)));
    assertTrue(created.get(0).isNull());
  }

  @Test
  void runFreesAfterAnException() {
    List<Tensor> created = new ArrayList<>();
    assertThrows(
        IllegalStateException.class,
        () ->
            Scopes.run(
                () -> {
                  created.add(torch.ones(3));
                  throw new IllegalStateException();
                }));
    assertTrue(created.get(0).isNull());
  }

  @Test
  void keptResultBelongsToTheScopeAround() {
    Tensor kept;
    try (PointerScope scope = new PointerScope()) {
      List<Tensor> other = new ArrayList<>();
      kept =
          Scopes.keep(
              () -> {
                other.add(torch.ones(3));
                return Tensors.add(other.get(0), 1);
              });
      assertTrue(other.get(0).isNull());
      assertEquals(6, Tensors.number(kept.sum()));
    }
    assertTrue(kept.isNull());
  }

  @Test
  void keptResultsBelongToTheCallerIfThereIsNoScope() {
    Tensor[] kept = Scopes.keepAll(() -> new Tensor[] {torch.ones(3), torch.ones(2)});
    for (Tensor tensor : kept) {
      assertFalse(tensor.isNull());
      tensor.close();
      assertTrue(tensor.isNull());
    }
  }

  @Test
  void ownHandleOutlivesItsScope() {
    List<Tensor> owned = new ArrayList<>();
    Scopes.run(() -> owned.add(Scopes.own(torch.ones(3))));
    try (Tensor own = owned.get(0)) {
      assertEquals(3, own.numel());
    }
    assertTrue(owned.get(0).isNull());
  }

  @Test
  void liveHandlesStayFlat() {
    Runnable step =
        () -> {
          Tensor x = Scopes.keep(() -> Tensors.mul(torch.ones(4, 4), 2));
          try (Tensor own = Scopes.own(x)) {
            Tensors.pad(Tensors.cat(0, own, Tensors.slice(x, 0, 1, 3)), 1, 1, 2);
            Tensors.rmsNorm(x, Tensors.zeros(x, 4), 1e-6);
            Tensors.linear(x, x, Tensors.range(0, 4, x).to(Tensors.type(x)));
          }
        };
    Handles.assertFlat(step);
  }
}
