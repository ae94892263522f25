package dev.hydra.libtorch.kernels;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntSupplier;
import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * Describes a CUDA device.
 *
 * @param index its number, 0 for {@code cuda:0}
 * @param major the major number of its compute capability
 * @param minor the minor number
 * @param multiprocessors how many streaming multiprocessors it has
 * @param sharedBytes the shared memory that a block of threads can have
 */
public record Gpu(int index, int major, int minor, int multiprocessors, long sharedBytes) {
  /** bfloat16 arithmetic and asynchronous copies began with compute capability 8.0. */
  private static final int OLDEST = 8;

  /**
   * Chips from here on have instructions that only their own architecture name switches on, and
   * programmatic dependent launch.
   */
  private static final int SPECIFIC = 9;

  private static final int HOPPER = 9;

  private static final boolean OVERLAP =
      Boolean.parseBoolean(System.getProperty("hydra.kernels.overlap", "true"));

  private static final Map<Integer, Gpu> KNOWN = new ConcurrentHashMap<>();

  /** Says whether it multiplies by four warps at once (wgmma), which this generation alone does. */
  public boolean isHopper() {
    return major == HOPPER;
  }

  /** Describes the CUDA device that holds a tensor. */
  public static Gpu of(Tensor tensor) {
    return of(indexOf(tensor));
  }

  /** Asks the driver about a device. */
  static Gpu of(int index) {
    return KNOWN.computeIfAbsent(index, Gpu::ask);
  }

  private static Gpu ask(int index) {
    try (cudaDeviceProp properties = torch_cuda.getDeviceProperties((byte) index)) {
      return new Gpu(
          index,
          properties.major(),
          properties.minor(),
          properties.multiProcessorCount(),
          properties.sharedMemPerBlockOptin());
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

  /**
   * Says whether kernels that wait for those before them are launched while these still run:
   * programmatic dependent launch, which began with compute capability 9.0. {@code
   * -Dhydra.kernels.overlap=false} keeps it from that, to compare.
   */
  boolean overlapsKernels() {
    return major >= SPECIFIC && OVERLAP;
  }

  /** Names the architecture for NVRTC, such as {@code sm_80} or {@code sm_90a}. */
  String architecture() {
    return "sm_" + major + minor + (major >= SPECIFIC ? "a" : "");
  }

  /**
   * Calls the driver with this device's context as the calling thread's own. Its result is the
   * driver's.
   */
  int run(IntSupplier call) {
    int before = torch_cuda.current_device();
    select(index); // even if it is the same: a thread that has called no CUDA yet has no context
    try {
      return call.getAsInt();
    } finally {
      if (before != index) {
        select(before);
      }
    }
  }

  private static void select(int index) {
    int result = cudart.cudaSetDevice(index);
    if (result != cudart.cudaSuccess) {
      throw new KernelException(
          "cuda:"
              + index
              + " cannot be selected: "
              + cudart.cudaGetErrorString(result).getString());
    }
  }
}
