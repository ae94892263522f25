package dev.hydra.composer.model;

import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Where and in which type a model computes.
 *
 * @param device where its parameters live
 * @param compute the type of parameters and layer inputs: Float, BFloat16, or Double for checks
 */
public record Placement(Device device, ScalarType compute) {
  /** The type of master copies, of what must stay precise, and of the residual stream. */
  public ScalarType master() {
    return compute == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
  }
}
