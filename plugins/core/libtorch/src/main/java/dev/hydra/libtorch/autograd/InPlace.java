package dev.hydra.libtorch.autograd;

import java.util.Arrays;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Changes tensors in place in a way that LibTorch does not record. Where recording is on, as in
 * {@link CustomFunction#inlined}, tensors are changed in a slower way that it does record.
 */
public final class InPlace {
  private InPlace() {}

  /** Returns the entries along the first dimension: views, which may be changed. */
  public static TensorVector entries(Tensor tensor) {
    if (!GradMode.is_enabled()) {
      return tensor.unbind(0);
    }
    Tensor[] entries = new Tensor[(int) tensor.size(0)];
    Arrays.setAll(entries, i -> tensor.select(0, i));
    return new TensorVector(entries);
  }

  /** Computes {@code out = added + left @ right} for each matrix of a batch. */
  public static void baddbmm(Tensor out, Tensor added, Tensor left, Tensor right) {
    if (GradMode.is_enabled()) {
      out.copy_(added.baddbmm(left, right));
    } else {
      torch.baddbmm_out(out, added, left, right);
    }
  }
}
