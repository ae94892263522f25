package dev.hydra.libtorch.runtime;

import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.cuda.DeviceStats;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch_cuda;

/** Tells the memory of a CUDA device, and what LibTorch's allocator has given out of it. */
public final class CudaMemory {
  private CudaMemory() {}

  /**
   * Begins to measure the peak anew, from what is allocated now; what the allocator keeps unused is
   * given back to the device first.
   */
  public static void reset(Device device) {
    Scopes.run(() -> torch.empty(1).to(device, torch.ScalarType.Float)); // the first use starts it
    torch_cuda.getAllocator().emptyCache();
    torch_cuda.getAllocator().resetPeakStats(device.index());
  }

  /** Returns the bytes that a CUDA device has. */
  public static long total(Device device) {
    try (cudaDeviceProp properties = torch_cuda.getDeviceProperties(device.index())) {
      return properties.totalGlobalMem();
    }
  }

  /** Returns the most bytes that tensors had at one time since {@link #reset}. */
  public static long peak(Device device) {
    try (DeviceStats stats = torch_cuda.getAllocator().getDeviceStats(device.index())) {
      return stats.allocated_bytes().peak();
    }
  }
}
