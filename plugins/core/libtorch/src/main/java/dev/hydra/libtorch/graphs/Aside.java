package dev.hydra.libtorch.graphs;

import dev.hydra.libtorch.runtime.Scopes;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch_cuda;

/**
 * A second stream for what nobody waits for, such as gradients of weights in a backward: it runs
 * beside what the first one, the trunk, is given next; where that is captured, it is a branch of
 * the graph. Kernels on the trunk that are bound by memory, or do not fill the device, share it
 * with products, and the bits are those of one stream.
 *
 * <p>LibTorch hands memory that is freed to whoever asks next on the stream that it was taken on,
 * and knows nothing of other streams. So what work reads and writes is taken on the trunk, and kept
 * until the trunk has waited for the work: for the oldest, where more than {@value #MOST_BYTES}
 * bytes are kept, and for all in {@link #join}.
 */
public final class Aside implements AutoCloseable {
  /** Bytes that are kept for work, at most. */
  public static final long MOST_BYTES = 512L << 20;

  /** By their trunks: backward runs on LibTorch's thread, on the stream of forward. */
  private static final Map<Trunk, Aside> OPEN = new ConcurrentHashMap<>();

  private static final AtomicLong COUNT = new AtomicLong();

  private final Trunk trunk;
  private final SideStream side;
  private final Deque<Work> waiting = new ArrayDeque<>();
  private final Deque<StreamEvent> unused = new ArrayDeque<>();
  private long kept;

  /** A stream by what LibTorch calls it, which is zero for the default one of each device. */
  private record Trunk(byte device, long stream) {
    static Trunk of(CUDAStream stream) {
      return new Trunk(stream.device_index(), stream.id());
    }
  }

  /** Work that the trunk has not waited for yet; its tensors are handles of its own. */
  private record Work(
      StreamEvent end,
      Tensor result,
      Tensor target,
      BiConsumer<Tensor, Tensor> handOver,
      List<Tensor> read,
      long bytes) {
    void close() {
      result.close();
      target.close();
      read.forEach(Tensor::close);
    }
  }

  private Aside(SideStream trunk, Device device) {
    this.trunk = Trunk.of(trunk.stream());
    this.side = new SideStream(device);
  }

  /**
   * Opens one for work on a stream, until it is closed, which is before the stream is.
   *
   * @return nothing if {@code -Dhydra.graphs.branches=false} says that graphs have no branches
   */
  public static Optional<Aside> open(SideStream trunk, Device device) {
    if (!Branches.WANTED) {
      return Optional.empty();
    }
    Aside opened = new Aside(trunk, device);
    OPEN.put(opened.trunk, opened);
    return Optional.of(opened);
  }

  /** Finds that of the stream on which this thread computes with a tensor, if it has one. */
  public static Optional<Aside> of(Tensor tensor) {
    if (OPEN.isEmpty() || !tensor.is_cuda()) {
      return Optional.empty();
    }
    try (Device device = tensor.device();
        CUDAStream current = torch_cuda.getCurrentCUDAStream(device.index())) {
      return Optional.ofNullable(OPEN.get(Trunk.of(current)));
    }
  }

  /** Returns how much work has run aside in this process. */
  public static long count() {
    return COUNT.get();
  }

  /**
   * Runs work beside what the trunk is given next, unless it reads and writes too much to be kept.
   *
   * @param work launches kernels that write the result; what it allocates is the second stream's
   * @param result taken on the trunk
   * @param target what the result is for
   * @param handOver gets target and result as soon as what the trunk is given comes after the work;
   *     never where that is not reached, as backward has failed
   * @param read what it reads, of which nothing is changed any more
   * @return whether it does; if not, nothing was done
   */
  public synchronized boolean run(
      Consumer<Tensor> work,
      Tensor result,
      Tensor target,
      BiConsumer<Tensor, Tensor> handOver,
      Tensor... read) {
    long bytes = result.nbytes() + Arrays.stream(read).mapToLong(Tensor::nbytes).sum();
    if (bytes > MOST_BYTES) {
      return false;
    }
    while (kept + bytes > MOST_BYTES) {
      settle(waiting.remove());
    }
    side.follow();
    side.run(
        () -> {
          work.accept(result);
          return result;
        });
    StreamEvent end = unused.isEmpty() ? new StreamEvent(side.device()) : unused.remove();
    end.record(side.handle());
    waiting.add(
        new Work(
            end,
            Scopes.own(result),
            Scopes.own(target),
            handOver,
            Arrays.stream(read).map(Scopes::own).toList(),
            bytes));
    kept += bytes;
    COUNT.incrementAndGet();
    return true;
  }

  /** Lets the trunk go on after all work, and hands all results over. */
  public synchronized void join() {
    while (!waiting.isEmpty()) {
      settle(waiting.remove());
    }
  }

  private void settle(Work work) {
    try (CUDAStream current = torch_cuda.getCurrentCUDAStream(side.device())) {
      work.end().before(current.stream());
      work.handOver().accept(work.target(), work.result());
    } finally {
      forget(work);
    }
  }

  private void forget(Work work) {
    work.close();
    unused.add(work.end());
    kept -= work.bytes();
  }

  /**
   * Lets the trunk go on after all work, whose results nobody wants any more.
   *
   * @param failure why, which may have ended the capture of both streams
   */
  public synchronized void leave(Throwable failure) {
    try {
      side.lead();
    } catch (CudaException e) {
      failure.addSuppressed(e);
    }
    while (!waiting.isEmpty()) {
      forget(waiting.remove());
    }
  }

  /** Gives the second stream back. */
  @Override
  public synchronized void close() {
    OPEN.remove(trunk, this);
    unused.forEach(StreamEvent::close);
    unused.clear();
    side.close();
  }
}
