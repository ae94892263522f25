package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.SizeTPointer;
import org.bytedeco.pytorch.global.torch_cuda;

/** Tells what CUDA devices have left; what LibTorch's allocator keeps unused is taken. */
public final class DeviceMemory {
  /** Bytes that drivers and other programs may take meanwhile. */
  private static final long OTHERS = 8 << 20;

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

  /**
   * Fails if the current CUDA device has fewer bytes left than before, but for a few MiB.
   *
   * @param before what {@link #free()} gave then
   */
  public static void assertGivenBack(long before) {
    assertGivenBack(torch_cuda.current_device(), before, OTHERS);
  }

  /** Fails if a CUDA device has fewer bytes left than {@code before} less {@code allowed}. */
  public static void assertGivenBack(int device, long before, long allowed) {
    long now = free(device);
    assertTrue(
        now >= before - allowed,
        () -> before + " bytes of cuda:" + device + " were free, now " + now);
  }
}
