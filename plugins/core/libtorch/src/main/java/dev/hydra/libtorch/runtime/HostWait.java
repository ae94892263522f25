package dev.hydra.libtorch.runtime;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * Refuses to wait for a CUDA device while what it is given is captured: nothing is computed then.
 */
final class HostWait {
  private static final int NOT_CAPTURING = 0;

  private HostWait() {}

  /** Says whether this thread's CUDA stream is captured; only where there is CUDA. */
  static boolean capturing() {
    return torch_cuda.currentStreamCaptureStatusMayInitCtx() != NOT_CAPTURING;
  }

  /**
   * Checks that the numbers in a tensor can be had on the host now.
   *
   * @throws IllegalStateException if this thread's CUDA stream is captured
   */
  static void check(Tensor tensor) {
    if (tensor.is_cuda() && capturing()) {
      throw new IllegalStateException(
          "the host would wait for a result of the device, which a CUDA graph cannot do");
    }
  }
}
