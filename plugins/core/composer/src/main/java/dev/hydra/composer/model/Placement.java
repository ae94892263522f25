package dev.hydra.composer.model;

import dev.hydra.api.StateSpec;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The device and the types in which a model computes and keeps what it remembers of a text.
 *
 * @param device where its parameters live
 * @param compute the type of parameters and layer inputs: Float, BFloat16, or Double for checks
 * @param recurrent the type in which states of recurrences are kept between forwards, see {@link
 *     StateSpec.Dtype#RECURRENT}
 */
public record Placement(Device device, ScalarType compute, ScalarType recurrent) {
  /** Places a model that keeps states of recurrences in the type of masters, as is usual. */
  public Placement(Device device, ScalarType compute) {
    this(device, compute, master(compute));
  }

  /** Returns the type of masters, of parameters kept in float32, and of the residual stream. */
  public ScalarType master() {
    return master(compute);
  }

  private static ScalarType master(ScalarType compute) {
    return compute == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
  }

  /** Returns the type of state that a component declares. */
  public ScalarType of(StateSpec.Dtype dtype) {
    return switch (dtype) {
      case COMPUTE -> compute;
      case FLOAT32_ON_CPU -> device.is_cpu() ? master() : compute;
      case FLOAT32 -> master();
      case RECURRENT -> recurrent;
      case FLOAT64 -> ScalarType.Double;
      case INT64 -> ScalarType.Long;
    };
  }
}
