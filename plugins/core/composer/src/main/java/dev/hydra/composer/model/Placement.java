package dev.hydra.composer.model;

import dev.hydra.api.StateSpec;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The device and the type in which a model computes.
 *
 * @param device where its parameters live
 * @param compute the type of parameters and layer inputs: Float, BFloat16, or Double for checks
 */
public record Placement(Device device, ScalarType compute) {
  /** Returns the type of masters, of parameters kept in float32, and of the residual stream. */
  public ScalarType master() {
    return compute == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
  }

  /** Returns the type of state that a component declares. */
  public ScalarType of(StateSpec.Dtype dtype) {
    return switch (dtype) {
      case COMPUTE -> compute;
      case FLOAT32_ON_CPU -> device.is_cpu() ? master() : compute;
      case FLOAT32 -> master();
      case FLOAT64 -> ScalarType.Double;
      case INT64 -> ScalarType.Long;
    };
  }
}
