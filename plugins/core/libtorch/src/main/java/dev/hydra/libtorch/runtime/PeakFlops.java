package dev.hydra.libtorch.runtime;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * The floating-point operations a second that a device can make at most, dense and in bfloat16, by
 * its maker's data sheets. Model FLOPs utilisation is a part of it (PaLM, arXiv 2204.02311,
 * appendix B).
 */
public final class PeakFlops {
  /** By a part of the device's name; the first that fits counts. */
  private static final Map<String, Double> KNOWN = new LinkedHashMap<>();

  static {
    KNOWN.put("H100 PCIe", 756e12);
    KNOWN.put("H100 NVL", 835e12);
    KNOWN.put("H100", 989.4e12);
    KNOWN.put("H200", 989.4e12);
    KNOWN.put("A100", 312e12);
    KNOWN.put("L40S", 362e12);
    KNOWN.put("L4", 121e12);
  }

  private PeakFlops() {}

  /** Returns the peak of a device in a type; empty where it is not known. */
  public static OptionalDouble of(Device device, ScalarType compute) {
    if (!device.is_cuda() || compute != ScalarType.BFloat16) {
      return OptionalDouble.empty();
    }
    try (cudaDeviceProp properties = torch_cuda.getDeviceProperties(device.index())) {
      return named(properties.name().getString());
    }
  }

  static OptionalDouble named(String name) {
    return KNOWN.entrySet().stream()
        .filter(each -> name.contains(each.getKey()))
        .mapToDouble(Map.Entry::getValue)
        .findFirst();
  }
}
