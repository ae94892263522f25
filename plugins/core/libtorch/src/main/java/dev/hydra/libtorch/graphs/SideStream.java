package dev.hydra.libtorch.graphs;

import java.util.function.Supplier;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * A CUDA stream beside the default one, which cannot be captured. What runs here is ordered after
 * all that the calling thread's stream was given before, and that stream goes on after it.
 */
public final class SideStream implements AutoCloseable {
  private final byte device;
  private final CUDAStream stream;
  private final CUevent_st reached = new CUevent_st();

  /** Takes a stream of LibTorch's pool. */
  public SideStream(Device device) {
    this.device = device.has_index() ? device.index() : torch_cuda.current_device();
    this.stream = torch_cuda.getStreamFromPool(false, this.device);
    for (Pointer each : new Pointer[] {stream, reached}) {
      each.retainReference(); // they stay, whatever scope is open
    }
    byte current = torch_cuda.current_device();
    torch_cuda.set_device(this.device); // an event belongs to the device that is current
    try {
      CudaException.check(
          "cudaEventCreateWithFlags",
          cudart.cudaEventCreateWithFlags(reached, cudart.cudaEventDisableTiming));
    } finally {
      torch_cuda.set_device(current);
    }
  }

  /** Runs work whose operators go to this stream, backward on LibTorch's thread included. */
  public <T> T call(Supplier<T> work) {
    try (CUDAStream before = torch_cuda.getCurrentCUDAStream(device)) {
      order(before, stream);
      torch_cuda.setCurrentCUDAStream(stream);
      try {
        return work.get();
      } finally {
        torch_cuda.setCurrentCUDAStream(before);
        order(stream, before);
      }
    }
  }

  /** Makes a stream wait for what another has been given. */
  private void order(CUDAStream first, CUDAStream then) {
    CudaException.check("cudaEventRecord", cudart.cudaEventRecord(reached, first.stream()));
    CudaException.check(
        "cudaStreamWaitEvent", cudart.cudaStreamWaitEvent(then.stream(), reached, 0));
  }

  /** The number of its device. */
  byte device() {
    return device;
  }

  /** The stream as CUDA knows it. */
  CUstream_st handle() {
    return stream.stream();
  }

  @Override
  public void close() {
    CudaException.check("cudaEventDestroy", cudart.cudaEventDestroy(reached));
    reached.close();
    stream.close();
  }
}
