package dev.hydra.libtorch.graphs;

import java.util.Deque;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.Supplier;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * A CUDA stream beside the default one, which cannot be captured. What runs here is ordered after
 * all that the calling thread's stream was given before, and that stream goes on after it.
 */
public final class SideStream implements AutoCloseable {
  /**
   * Streams that nobody uses, by device. cuBLAS keeps a workspace of 32 MiB for each stream it has
   * ever run on, so those that were used are used again.
   */
  private static final Map<Byte, Deque<CUDAStream>> FREE = new ConcurrentHashMap<>();

  private final byte device;
  private final CUDAStream stream;
  private final StreamEvent reached;

  /** Takes a stream that was given back, or else one of LibTorch's pool. */
  public SideStream(Device device) {
    this.device = device.has_index() ? device.index() : torch_cuda.current_device();
    CUDAStream used = free().poll();
    this.stream = used != null ? used : torch_cuda.getStreamFromPool(false, this.device);
    if (used == null) {
      stream.retainReference(); // it stays, whatever scope is open
    }
    this.reached = new StreamEvent(this.device);
  }

  private Deque<CUDAStream> free() {
    return FREE.computeIfAbsent(device, first -> new ConcurrentLinkedDeque<>());
  }

  /** Runs work whose operators go to this stream, backward on LibTorch's thread included. */
  public <T> T call(Supplier<T> work) {
    follow();
    try {
      return run(work);
    } finally {
      lead();
    }
  }

  /** Lets this stream go on after all that the calling thread's stream has been given. */
  void follow() {
    try (CUDAStream current = torch_cuda.getCurrentCUDAStream(device)) {
      order(current, stream);
    }
  }

  /** Lets the calling thread's stream go on after all that this stream has been given. */
  void lead() {
    try (CUDAStream current = torch_cuda.getCurrentCUDAStream(device)) {
      order(stream, current);
    }
  }

  /** Runs work whose operators go to this stream, in no order with those of other streams. */
  <T> T run(Supplier<T> work) {
    try (CUDAStream before = torch_cuda.getCurrentCUDAStream(device)) {
      torch_cuda.setCurrentCUDAStream(stream);
      try {
        return work.get();
      } finally {
        torch_cuda.setCurrentCUDAStream(before);
      }
    }
  }

  /** Makes a stream wait for what another has been given. */
  private void order(CUDAStream first, CUDAStream then) {
    reached.record(first.stream());
    reached.before(then.stream());
  }

  /** The number of its device. */
  byte device() {
    return device;
  }

  /** The stream as CUDA knows it. */
  CUstream_st handle() {
    return stream.stream();
  }

  /**
   * Gives the stream back. Memory that was taken on it, and freed, may still be read by what the
   * calling thread's stream has been given: who takes the stream next writes there after that.
   */
  @Override
  public void close() {
    follow();
    reached.close();
    free().push(stream);
  }
}
