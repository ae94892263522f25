package dev.hydra.cli;

import dev.hydra.libtorch.runtime.ComputeType;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import picocli.CommandLine.Option;

/** Chooses the compute type of a trained model. */
final class PrecisionArgument {
  @Option(
      names = "--precision",
      paramLabel = "auto|fp32|bf16",
      description = "The type to compute in (default: fp32 on the CPU, bf16 on CUDA).")
  private ComputeType.Choice choice = ComputeType.Choice.AUTO;

  /** One token at a time gains nothing from bfloat16 on a CPU, so auto is float32 there. */
  ScalarType on(Device device) {
    return choice == ComputeType.Choice.AUTO && device.is_cpu()
        ? ScalarType.Float
        : ComputeType.choose(choice, device);
  }
}
