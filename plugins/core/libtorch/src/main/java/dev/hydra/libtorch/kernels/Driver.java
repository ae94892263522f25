package dev.hydra.libtorch.kernels;

import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerPointer;

/** Turns results of the CUDA driver into exceptions. */
final class Driver {
  private Driver() {}

  /**
   * Checks a result.
   *
   * @param kernel the kernel or program that it is about
   * @param what what is wrong if it is no success
   * @throws KernelException with the driver's own words
   */
  static void check(int result, String kernel, String what) {
    if (result == cudart.CUDA_SUCCESS) {
      return;
    }
    try (PointerPointer<BytePointer> text = new PointerPointer<>(1)) {
      cudart.cuGetErrorString(result, text);
      BytePointer reason = text.get(BytePointer.class, 0);
      throw new KernelException(
          kernel,
          "CUDA kernel "
              + kernel
              + ": "
              + what
              + ": "
              + (reason == null ? "error " + result : reason.getString()));
    }
  }
}
