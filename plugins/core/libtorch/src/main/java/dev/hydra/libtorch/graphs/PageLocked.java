package dev.hydra.libtorch.graphs;

import dev.hydra.libtorch.runtime.Scopes;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Makes memory of the host that a device copies from and to while the host goes on. */
final class PageLocked {
  private PageLocked() {}

  /** Makes a tensor of zeros, which no scope frees: whoever called this closes it. */
  static Tensor zeros(ScalarType type, long... sizes) {
    try (PointerScope scope = new PointerScope()) {
      return Scopes.own(torch.zeros(sizes).to(type).pin_memory());
    }
  }
}
