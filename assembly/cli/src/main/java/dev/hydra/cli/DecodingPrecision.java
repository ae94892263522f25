package dev.hydra.cli;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.inference.Quantization;
import org.bytedeco.pytorch.Device;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;

/** Chooses the types of a model that continues texts. */
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class DecodingPrecision {
  @Mixin private PrecisionArgument precision;
  @Mixin private StateTypeArgument states;

  /** Where and in which types it computes and keeps states. */
  Placement on(Device device) {
    return new Placement(device, precision.on(device), states.type());
  }

  /** As {@link StateTypeArgument#warn}. */
  void warn(CommandSpec command, String name, Model model) {
    states.warn(command, name, model);
  }

  /** As {@link PrecisionArgument#less}. */
  String less() {
    return precision.less();
  }

  /** What weights are rounded to. */
  Quantization quantization() {
    return precision.quantization();
  }
}
