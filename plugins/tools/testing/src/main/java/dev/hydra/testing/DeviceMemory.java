package dev.hydra.testing;

import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.SizeTPointer;
import org.bytedeco.pytorch.global.torch_cuda;

/** Tells what CUDA devices have left; what LibTorch's allocator keeps unused is taken. */
public final class DeviceMemory {
  private DeviceMemory() {}

  /** Returns the bytes that nobody has on the current CUDA device. */
  public static long free() {
    return free(torch_cuda.current_device());
  }

  /** Returns the bytes that nobody has on a CUDA device. */
  public static long free(int device) {
    byte before = torch_cuda.current_device();
    torch_cuda.set_device((byte) device);
    try (SizeTPointer free = new SizeTPointer(1);
        SizeTPointer total = new SizeTPointer(1)) {
      cudart.cudaMemGetInfo(free, total);
      return free.get();
    } finally {
      torch_cuda.set_device(before);
    }
  }
}
