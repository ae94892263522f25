package dev.hydra.libtorch.graphs;

import dev.hydra.libtorch.runtime.Scopes;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Brings integers of a CUDA device to the host, which waits for them and not for what the stream is
 * given after them. They come to page-locked memory, one copy at a time.
 */
public final class Readback implements AutoCloseable {
  private final SideStream stream;
  private final StreamEvent arrived;
  private final Tensor host;
  private int count;

  /**
   * Makes room on the host.
   *
   * @param most how many integers come at once
   */
  public Readback(SideStream stream, long most) {
    this.stream = stream;
    Tensor[] made = new Tensor[1];
    Scopes.run(() -> made[0] = Scopes.own(torch.zeros(most).to(ScalarType.Long).pin_memory()));
    this.host = made[0];
    this.arrived = new StreamEvent(stream.device());
  }

  /**
   * Lets integers come as they are after what the stream has been given so far; within {@link
   * SideStream#call}.
   *
   * @param integers int64 [n]
   */
  public void begin(Tensor integers) {
    count = Math.toIntExact(integers.numel());
    Scopes.run(() -> host.narrow(0, 0, count).copy_(integers, true));
    arrived.record(stream.handle());
  }

  /** Waits for what was begun last. */
  public long[] await() {
    arrived.await();
    long[] values = new long[count];
    host.data_ptr_long().get(values);
    return values;
  }

  /** Waits for what still comes, and frees the room. */
  @Override
  public void close() {
    arrived.await();
    arrived.close();
    host.close();
  }
}
