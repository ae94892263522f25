package dev.hydra.libtorch.products;

import org.bytedeco.cuda.global.cublas;
import org.bytedeco.javacpp.BytePointer;

/** Says which call of cuBLAS failed, and why. */
final class CublasException extends RuntimeException {
  private static final long serialVersionUID = 1;

  CublasException(String message) {
    super(message);
  }

  /**
   * Checks the status that a call of cublasLt returns.
   *
   * @param about what it was called for
   * @throws CublasException with cuBLAS' own words, if it is not success
   */
  static void check(int status, String call, Object about) {
    if (status == cublas.CUBLAS_STATUS_SUCCESS) {
      return;
    }
    try (BytePointer text = cublas.cublasLtGetStatusString(status)) {
      throw new CublasException(
          call + " fails for " + about + ": " + text.getString() + " (" + status + ")");
    }
  }
}
