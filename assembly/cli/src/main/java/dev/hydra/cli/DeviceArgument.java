package dev.hydra.cli;

import dev.hydra.libtorch.runtime.Devices;
import java.io.IOException;
import org.bytedeco.pytorch.Device;
import picocli.CommandLine.Option;

/** Chooses the device. */
final class DeviceArgument {
  @Option(
      names = "--device",
      paramLabel = "auto|cpu|cuda",
      description = "Where to compute; auto takes a CUDA device if there is one (default: auto).")
  private Devices.Choice choice = Devices.Choice.AUTO;

  /** The device. */
  Device device() throws IOException {
    try {
      return Devices.choose(choice);
    } catch (IllegalStateException e) {
      throw new IOException(e.getMessage(), e);
    }
  }
}
