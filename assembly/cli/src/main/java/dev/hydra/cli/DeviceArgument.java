package dev.hydra.cli;

import dev.hydra.libtorch.runtime.DeviceStart;
import dev.hydra.libtorch.runtime.Devices;
import java.io.IOException;
import org.bytedeco.pytorch.Device;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Chooses the device. */
final class DeviceArgument {
  @Option(
      names = "--device",
      paramLabel = "auto|cpu|cuda|cuda:N",
      converter = Name.class,
      description =
          "Where to compute; auto takes the first CUDA device if there is one (default: auto).")
  private String name = "auto";

  private @Nullable DeviceStart start;

  /** Refuses a name that no machine has a device of, before anything is read. */
  static final class Name implements ITypeConverter<String> {
    @Override
    public String convert(String name) {
      if (!Devices.isName(name)) {
        throw new TypeConversionException(
            "expected one of auto, cpu, cuda and cuda:N but was '" + name + "'");
      }
      return name;
    }
  }

  /**
   * Begins to start the device; until {@link #device} has returned, nobody else may use LibTorch.
   */
  DeviceStart begin() {
    start = new DeviceStart(name);
    return start;
  }

  /** The device, when it is started. */
  Device device() throws IOException {
    try {
      if (start != null) {
        start.await();
      }
      return Devices.choose(name);
    } catch (IllegalStateException | IllegalArgumentException e) {
      throw new IOException(e.getMessage(), e);
    }
  }
}
