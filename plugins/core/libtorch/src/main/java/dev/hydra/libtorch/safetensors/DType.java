package dev.hydra.libtorch.safetensors;

import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The element types of tensors in a file, under the names that files use. */
public enum DType {
  /** float64. */
  F64(ScalarType.Double, 8),
  /** float32. */
  F32(ScalarType.Float, 4),
  /** float16. */
  F16(ScalarType.Half, 2),
  /** bfloat16. */
  BF16(ScalarType.BFloat16, 2),
  /** int64. */
  I64(ScalarType.Long, 8),
  /** int32. */
  I32(ScalarType.Int, 4),
  /** int16. */
  I16(ScalarType.Short, 2),
  /** int8. */
  I8(ScalarType.Char, 1),
  /** uint8. */
  U8(ScalarType.Byte, 1),
  /** Boolean, a byte each. */
  BOOL(ScalarType.Bool, 1);

  private final ScalarType type;
  private final int bytes;

  DType(ScalarType type, int bytes) {
    this.type = type;
    this.bytes = bytes;
  }

  /** Returns LibTorch's type. */
  public ScalarType type() {
    return type;
  }

  /** Returns the bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** Returns the one for a type of LibTorch's, if files can hold that. */
  public static Optional<DType> of(ScalarType type) {
    return Arrays.stream(values()).filter(d -> d.type == type).findFirst();
  }

  /** Finds the type of a name in a file, if there is one. */
  static Optional<DType> named(String name) {
    return Arrays.stream(values()).filter(d -> d.name().equals(name)).findFirst();
  }
}
