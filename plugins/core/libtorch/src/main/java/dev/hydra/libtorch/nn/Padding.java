package dev.hydra.libtorch.nn;

import dev.hydra.api.Pass;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/** Keeps the padding of a prompt out of recurrent state. */
public final class Padding {
  private Padding() {}

  /** Returns x [batch, time, channels] with zeros where {@link Pass#padding} says so. */
  public static Tensor zeroed(Tensor x, Pass pass) {
    return pass.padding().map(padding -> Tensors.maskedFill(x, padding.unsqueeze(-1), 0)).orElse(x);
  }
}
