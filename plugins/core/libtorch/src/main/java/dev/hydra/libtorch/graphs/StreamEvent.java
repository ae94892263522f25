package dev.hydra.libtorch.graphs;

import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.pytorch.global.torch_cuda;

/** A point in what a CUDA stream has been given, which other streams and the host can wait for. */
final class StreamEvent implements AutoCloseable {
  private final CUevent_st event = new CUevent_st();

  /** Creates an event of a device, which belongs to the one that is current. */
  StreamEvent(byte device) {
    event.retainReference(); // it stays, whatever scope is open
    byte current = torch_cuda.current_device();
    torch_cuda.set_device(device);
    try {
      CudaException.check(
          "cudaEventCreateWithFlags",
          cudart.cudaEventCreateWithFlags(event, cudart.cudaEventDisableTiming));
    } finally {
      torch_cuda.set_device(current);
    }
  }

  /** Marks the end of what a stream has been given so far. */
  void record(CUstream_st stream) {
    CudaException.check("cudaEventRecord", cudart.cudaEventRecord(event, stream));
  }

  /** Lets what a stream is given from now on wait for it. */
  void before(CUstream_st stream) {
    CudaException.check("cudaStreamWaitEvent", cudart.cudaStreamWaitEvent(stream, event, 0));
  }

  /** Lets the host wait for it; there is nothing to wait for where it was never recorded. */
  void await() {
    CudaException.check("cudaEventSynchronize", cudart.cudaEventSynchronize(event));
  }

  @Override
  public void close() {
    CudaException.check("cudaEventDestroy", cudart.cudaEventDestroy(event));
    event.close();
  }
}
