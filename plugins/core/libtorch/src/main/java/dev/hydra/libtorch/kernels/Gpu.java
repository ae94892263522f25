package dev.hydra.libtorch.kernels;

import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * Describes a CUDA device to the compiler.
 *
 * @param index its number, 0 for {@code cuda:0}
 * @param major the major number of its compute capability
 * @param minor the minor number
 * @param multiprocessors how many streaming multiprocessors it has
 */
public record Gpu(int index, int major, int minor, int multiprocessors) {
  /** bfloat16 arithmetic and asynchronous copies began with compute capability 8.0. */
  private static final int OLDEST = 8;

  /** Chips from here on have instructions that only their own architecture name switches on. */
  private static final int SPECIFIC = 9;

  /** Asks the driver about a device. */
  static Gpu of(int index) {
    try (cudaDeviceProp properties = torch_cuda.getDeviceProperties((byte) index)) {
      return new Gpu(
          index, properties.major(), properties.minor(), properties.multiProcessorCount());
    }
  }

  /** Returns the number of the CUDA device that holds a tensor. */
  static int indexOf(Tensor tensor) {
    try (Device device = tensor.device()) {
      return device.index();
    }
  }

  /** Says whether kernels can be compiled for it: compute capability 8.0 or later. */
  public boolean supported() {
    return major >= OLDEST;
  }

  /** Names the architecture for NVRTC, such as {@code sm_80} or {@code sm_90a}. */
  String architecture() {
    return "sm_" + major + minor + (major >= SPECIFIC ? "a" : "");
  }
}
