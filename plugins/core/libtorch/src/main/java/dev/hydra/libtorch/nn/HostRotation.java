package dev.hydra.libtorch.nn;

import dev.hydra.libtorch.runtime.HostFloats;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A rotation of the heads of a token of each text, on the CPU and without gradient: by operators it
 * is ten, of a few numbers each. Its twin, of the same bits, is in {@link Rotation}.
 *
 * @param rotation the angles
 */
record HostRotation(Rotation rotation) {
  /** Chooses: gives it for x [texts, 1, heads, headDim]. */
  static Optional<HostRotation> of(Rotation rotation, Tensor x, ScalarType type) {
    return x.size(1) == 1
            && x.numel() > 0
            && Tensors.type(rotation.cos()) == ScalarType.Float
            && (type == ScalarType.Float || type == ScalarType.BFloat16)
            && HostFloats.areTaken(x, rotation.cos(), rotation.sin())
        ? Optional.of(new HostRotation(rotation))
        : Optional.empty();
  }

  /** Computes {@link Rotation#apply}. */
  Tensor compute(Tensor x, ScalarType type) {
    float[] values = HostFloats.of(x);
    float[] cos = HostFloats.of(rotation.cos());
    float[] sin = HostFloats.of(rotation.sin());
    int half = (int) rotation.cos().size(3);
    int headDim = (int) x.size(3);
    int text = (int) (x.size(2) * headDim);
    for (int head = 0; head < values.length; head += headDim) {
      int angles = cos.length == half ? 0 : head / text * half;
      for (int i = 0; i < half; i++) {
        float first = values[head + i];
        float second = values[head + half + i];
        values[head + i] = first * cos[angles + i] - second * sin[angles + i];
        values[head + half + i] = second * cos[angles + i] + first * sin[angles + i];
      }
    }
    return HostFloats.tensor(values, x, type, Tensors.sizes(x));
  }
}
