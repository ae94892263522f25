package dev.hydra.libtorch.products;

import dev.hydra.libtorch.kernels.Gpu;
import org.bytedeco.cuda.cublas.cublasLtContext;
import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * The cublasLt library, set up on a device, for as long as the process.
 *
 * @param gpu the device
 * @param handle of the library
 * @param platform names device and version: what an algorithm is the fastest on
 */
record CublasLt(Gpu gpu, cublasLtContext handle, String platform) {
  /**
   * Sets it up.
   *
   * @throws CublasException if it cannot be
   */
  static CublasLt on(Gpu gpu) {
    try {
      cublasLtContext handle = new cublasLtContext();
      CublasException.check(
          gpu.run(() -> cublas.cublasLtCreate(handle)), "cublasLtCreate", "cuda:" + gpu.index());
      handle.retainReference(); // it stays, whatever scope is open
      return new CublasLt(gpu, handle, deviceName(gpu) + ", cublasLt " + version());
    } catch (LinkageError e) {
      throw new CublasException("cublasLt cannot be loaded: " + e.getMessage());
    }
  }

  /** The version of the library, such as 130100. */
  static long version() {
    return cublas.cublasLtGetVersion();
  }

  private static String deviceName(Gpu gpu) {
    try (cudaDeviceProp properties = torch_cuda.getDeviceProperties((byte) gpu.index());
        BytePointer name = properties.name()) {
      return name.getString() + ", " + gpu.multiprocessors() + " multiprocessors";
    }
  }
}
