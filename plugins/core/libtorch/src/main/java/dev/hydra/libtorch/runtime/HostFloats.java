package dev.hydra.libtorch.runtime;

import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tensors of a decoding step on the CPU as arrays. A text has a row or a few heads then: a loop
 * over them is done before a few operators have been called.
 */
public final class HostFloats {
  private static final int BF16_SHIFT = 16;
  private static final int JUST_BELOW_HALF = 0x7fff;
  private static final short BF16_NAN = 0x7fc0;

  private HostFloats() {}

  /** Says whether tensors are on the CPU, in float32 or bfloat16, and no gradient is recorded. */
  public static boolean areTaken(Tensor... tensors) {
    return !GradMode.is_enabled() && Arrays.stream(tensors).allMatch(HostFloats::isTaken);
  }

  private static boolean isTaken(Tensor tensor) {
    ScalarType type = Tensors.type(tensor);
    return tensor.is_cpu() && (type == ScalarType.Float || type == ScalarType.BFloat16);
  }

  /** Copies a tensor in float32 or bfloat16 to an array, in the order of its elements. */
  public static float[] of(Tensor tensor) {
    Tensor dense = tensor.contiguous();
    float[] values = new float[(int) dense.numel()];
    try (Pointer data = dense.data_ptr()) {
      if (Tensors.type(dense) == ScalarType.Float) {
        new FloatPointer(data).get(values);
      } else {
        short[] high = new short[values.length];
        new ShortPointer(data).get(high);
        for (int i = 0; i < values.length; i++) {
          values[i] = Float.intBitsToFloat(high[i] << BF16_SHIFT);
        }
      }
    }
    return values;
  }

  /** Makes a tensor on the CPU, in float32 or rounded to the nearest bfloat16. */
  public static Tensor tensor(float[] values, Tensor like, ScalarType type, long... sizes) {
    Tensor made = Tensors.empty(like, type, sizes);
    try (Pointer data = made.data_ptr()) {
      if (type == ScalarType.Float) {
        new FloatPointer(data).put(values);
      } else {
        short[] high = new short[values.length];
        for (int i = 0; i < values.length; i++) {
          high[i] = bf16(values[i]);
        }
        new ShortPointer(data).put(high);
      }
    }
    return made;
  }

  /** The nearest bfloat16, the even one of two. */
  private static short bf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int odd = (bits >>> BF16_SHIFT) & 1;
    return Float.isNaN(value) ? BF16_NAN : (short) ((bits + JUST_BELOW_HALF + odd) >>> BF16_SHIFT);
  }
}
