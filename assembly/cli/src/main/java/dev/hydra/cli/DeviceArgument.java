package dev.hydra.cli;

import dev.hydra.libtorch.runtime.Devices;
import java.io.IOException;
import org.bytedeco.pytorch.Device;
import picocli.CommandLine.Option;

/** Chooses the device. */
final class DeviceArgument {
  @Option(
      names = "--device",
      paramLabel = "auto|cpu|cuda|cuda:N",
      description =
          "Where to compute; auto takes the first CUDA device if there is one (default: auto).")
  private String name = "auto";

  /** The device. */
  Device device() throws IOException {
    try {
      return Devices.choose(name);
    } catch (IllegalStateException | IllegalArgumentException e) {
      throw new IOException(e.getMessage(), e);
    }
  }
}
