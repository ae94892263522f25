package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.Tensors;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What tests of rotations compute with: heads that are a part of a wider tensor, and angles. */
final class RotationInput {
  /** The name of the tensor [batch, time, before + heads * dims] that x is a part of. */
  static final String WHOLE = "what x is a part of";

  private RotationInput() {}

  /** x [batch, time, heads, dims], behind {@code before} channels that it leaves. */
  static Tensor part(Map<String, Tensor> in, int before, int heads, int dims) {
    long width = (long) heads * dims;
    return in.get(WHOLE).narrow(2, before, width).unflatten(2, heads, dims);
  }

  /** The rotation by float64 angles, with tables of the type that x is rotated in. */
  static Rotation rotation(Tensor angles, Tensor x) {
    ScalarType type = Tensors.type(Tensors.upcast(x));
    Tensor on = angles.to(x.device(), ScalarType.Double);
    return new Rotation(on.cos().to(type), on.sin().to(type));
  }
}
