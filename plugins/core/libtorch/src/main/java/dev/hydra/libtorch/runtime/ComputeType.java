package dev.hydra.libtorch.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Chooses the type in which a model computes. */
public final class ComputeType {
  /** Flags of CPUs that multiply bfloat16 matrices in hardware; others are far slower at it. */
  private static final List<String> BF16_FLAGS = List.of("avx512_bf16", "amx_bf16");

  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  private ComputeType() {}

  /** The compute type that a user asks for. */
  public enum Choice {
    /** bfloat16 where the hardware is fast at it, else float32. */
    AUTO,
    /** float32. */
    FP32,
    /** bfloat16, be it slow or fast. */
    BF16
  }

  /** Returns the type for a choice on a device. */
  public static ScalarType choose(Choice choice, Device device) {
    return switch (choice) {
      case FP32 -> ScalarType.Float;
      case BF16 -> ScalarType.BFloat16;
      case AUTO -> device.is_cuda() || cpuHasBf16() ? ScalarType.BFloat16 : ScalarType.Float;
    };
  }

  /** Returns the name by which a user asks for a type, such as {@code fp32}. */
  public static String name(ScalarType type) {
    return switch (type) {
      case Float -> "fp32";
      case BFloat16 -> "bf16";
      default -> type.name();
    };
  }

  /** Says whether the CPU multiplies bfloat16 in hardware. */
  static boolean cpuHasBf16() {
    try {
      return Files.exists(CPU_INFO)
          && Files.readAllLines(CPU_INFO).stream().anyMatch(ComputeType::hasBf16);
    } catch (IOException e) {
      return false; // float32 is right everywhere
    }
  }

  /**
   * Says whether a line of {@code /proc/cpuinfo} lists the flags of a CPU with bfloat16 products.
   */
  static boolean hasBf16(String line) {
    return line.startsWith("flags")
        && Arrays.stream(line.split("\\s+")).anyMatch(BF16_FLAGS::contains);
  }
}
