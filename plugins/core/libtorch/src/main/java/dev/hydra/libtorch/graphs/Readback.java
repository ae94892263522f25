package dev.hydra.libtorch.graphs;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Brings a few numbers of a CUDA device to the host, which waits for them and not for what the
 * stream is given after them. They come to page-locked memory, one copy at a time.
 */
public final class Readback implements AutoCloseable {
  private final SideStream stream;
  private final StreamEvent arrived;
  private final Tensor host;
  private int count;

  /**
   * Makes room on the host.
   *
   * @param type of the numbers
   * @param most how many come at once
   */
  public Readback(SideStream stream, ScalarType type, long most) {
    this.stream = stream;
    this.host = PageLocked.zeros(type, most);
    this.arrived = new StreamEvent(stream.device());
  }

  /**
   * Lets numbers come as they are after what the stream has been given so far; within {@link
   * SideStream#call}.
   *
   * @param numbers [n], of the type
   */
  public void begin(Tensor numbers) {
    count = Math.toIntExact(numbers.numel());
    Scopes.run(() -> host.narrow(0, 0, count).copy_(numbers, true));
    arrived.record(stream.handle());
  }

  /** Waits for the int64 numbers that were begun last. */
  public long[] integers() {
    arrived.await();
    long[] values = new long[count];
    host.data_ptr_long().get(values);
    return values;
  }

  /** Waits for the floating-point numbers that were begun last. */
  public double[] numbers() {
    arrived.await();
    double[][] values = new double[1][];
    Scopes.run(() -> values[0] = Tensors.numbers(host.narrow(0, 0, count)));
    return values[0];
  }

  /** Waits for what still comes, and frees the room. */
  @Override
  public void close() {
    arrived.await();
    arrived.close();
    host.close();
  }
}
