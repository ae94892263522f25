package dev.hydra.libtorch.graphs;

import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;

/** Says which call of the CUDA runtime failed, and why. */
public final class CudaException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private CudaException(String message) {
    super(message);
  }

  /**
   * Checks the result of a call.
   *
   * @throws CudaException with CUDA's own words, if it is not success; CUDA forgets the error
   */
  static void check(String call, int result) {
    if (result == cudart.cudaSuccess) {
      return;
    }
    cudart.cudaGetLastError();
    try (BytePointer name = cudart.cudaGetErrorName(result);
        BytePointer text = cudart.cudaGetErrorString(result)) {
      throw new CudaException(
          call + " failed: " + text.getString() + " (" + name.getString() + ")");
    }
  }
}
