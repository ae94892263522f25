package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.model.Placement;
import dev.hydra.inference.Quantization;
import dev.hydra.libtorch.runtime.ComputeType;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import picocli.CommandLine.Option;

/** Chooses the compute type of a trained model, and what its weights are rounded to. */
final class PrecisionArgument {
  @Option(
      names = "--precision",
      paramLabel = "auto|fp32|bf16",
      description =
          "The type to compute in (default: fp32 on the CPU, bf16 on CUDA and with"
              + " --quantization).")
  private ComputeType.Choice choice = ComputeType.Choice.AUTO;

  @Option(
      names = "--quantization",
      paramLabel = "none|int8|int4",
      description =
          "Weights of linear maps as integers (weight-only), which are read faster where few texts"
              + " are continued. int8: with a scale for each output row, on the CPU; int4: with one"
              + " for each 32 weights. See docs/serving.md (default: none).")
  private Quantization quantization = Quantization.NONE;

  /** One token at a time gains nothing from bfloat16 on a CPU, so auto is float32 there. */
  ScalarType on(Device device) {
    ScalarType type = type(device);
    try {
      quantization.check(new Placement(device, type));
    } catch (IllegalArgumentException e) {
      throw new UsageException("--quantization: " + e.getMessage());
    }
    return type;
  }

  private ScalarType type(Device device) {
    if (choice == ComputeType.Choice.AUTO && device.is_cpu()) {
      return quantization == Quantization.NONE ? ScalarType.Float : ScalarType.BFloat16;
    }
    return ComputeType.choose(choice, device);
  }

  /** What takes less memory on CUDA, a comma behind it; nothing where that is taken already. */
  String less() {
    return choice == ComputeType.Choice.FP32 ? "--precision bf16, " : "";
  }

  /** What weights are rounded to. */
  Quantization quantization() {
    return quantization;
  }
}
