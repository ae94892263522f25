package dev.hydra.libtorch.graphs;

import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;

/**
 * Brings tensors of the host into one of a CUDA device, and the host does not wait. They go through
 * page-locked memory: two buffers in turns, so that one is filled while the copy of the other waits
 * for what its stream was given before.
 */
public final class Upload implements AutoCloseable {
  private final SideStream stream;
  private final Tensor target;
  private final Buffer[] buffers;
  private int turn;

  /** Page-locked memory, and when it may be written again. */
  private record Buffer(Tensor host, StreamEvent copied) {}

  /**
   * Makes the buffers.
   *
   * @param target what they are brought to, on the device of the stream; not closed
   */
  public Upload(SideStream stream, Tensor target) {
    this.stream = stream;
    this.target = target;
    this.buffers = new Buffer[] {buffer(), buffer()};
  }

  private Buffer buffer() {
    Tensor host = PageLocked.zeros(Tensors.type(target), Tensors.sizes(target));
    return new Buffer(host, new StreamEvent(stream.device()));
  }

  /**
   * Brings a tensor of the shape of the target, after all that the stream has been given; within
   * {@link SideStream#call}. The tensor may be changed or freed at once.
   *
   * @param from on the host; one of a device is copied as it is
   */
  public void begin(Tensor from) {
    if (from.is_cuda()) {
      target.copy_(from);
      return;
    }
    Buffer buffer = buffers[turn];
    turn = 1 - turn;
    buffer.copied.await(); // the copy before the last
    buffer.host.copy_(from);
    target.copy_(buffer.host, true);
    buffer.copied.record(stream.handle());
  }

  /** Waits for the copies, and frees the buffers. */
  @Override
  public void close() {
    for (Buffer buffer : buffers) {
      buffer.copied.await();
      buffer.copied.close();
      buffer.host.close();
    }
  }
}
