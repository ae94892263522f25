package dev.hydra.trainer.step;

import dev.hydra.composer.model.ForwardContext;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.graphs.CudaGraph;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.graphs.GraphPool;
import dev.hydra.libtorch.graphs.SideStream;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A computation over tokens without gradients, on CUDA captured as a graph: short ones take the
 * host longer to issue than the device to compute. Nothing of the model may change but what its
 * parameters hold.
 */
public final class CapturedForward implements AutoCloseable {
  /** Runs before a capture: libraries set themselves up at first use, which cannot be captured. */
  private static final int WARM_UP = 2;

  private final BiFunction<Tensor, ForwardContext, Tensor> work;
  private final Consumer<String> warned;
  private final Device device;
  private final @Nullable SideStream stream;
  private @Nullable Captured captured;
  private @Nullable Tensor tokens;
  private int runs;

  /** A graph, the memory that it computes in, and what it leaves there. */
  private record Captured(CudaGraph graph, GraphPool pool, Tensor result) implements AutoCloseable {
    @Override
    public void close() {
      graph.close();
      result.close();
      pool.close();
    }
  }

  /**
   * Prepares a computation.
   *
   * @param device where the model is
   * @param work gets tokens int64 [batch, time] on the device
   * @param mode whether it is captured, if the device is a CUDA device
   * @param warned is told why it cannot be captured
   */
  public CapturedForward(
      Device device,
      BiFunction<Tensor, ForwardContext, Tensor> work,
      GraphMode mode,
      Consumer<String> warned) {
    this.work = work;
    this.warned = warned;
    this.device = device;
    this.stream = device.is_cuda() && mode == GraphMode.AUTO ? new SideStream(device) : null;
  }

  /**
   * Computes.
   *
   * @param given int64 [batch, time], on any device
   * @return what the work returns, which the next run may replace
   */
  public Tensor run(Tensor given) {
    return stream == null
        ? plain(given.to(device, ScalarType.Long))
        : stream.call(() -> on(stream, given));
  }

  private Tensor on(SideStream of, Tensor given) {
    Tensor buffer = fit(given);
    Scopes.run(() -> buffer.copy_(given));
    if (captured == null && runs == WARM_UP) { // once: what cannot be captured is not tried again
      captured = capture(of, buffer);
    }
    runs++;
    if (captured == null) {
      return plain(buffer);
    }
    captured.graph().replay();
    return captured.result();
  }

  private Tensor fit(Tensor given) {
    if (tokens == null || !Arrays.equals(Tensors.sizes(tokens), Tensors.sizes(given))) {
      drop();
      tokens = Scopes.own(given.to(device, ScalarType.Long).clone());
    }
    return tokens;
  }

  private @Nullable Captured capture(SideStream of, Tensor buffer) {
    GraphPool pool = new GraphPool(of);
    Tensor[] result = new Tensor[1];
    try {
      CudaGraph graph = CudaGraph.capture(of, pool, () -> result[0] = Scopes.own(plain(buffer)));
      return new Captured(graph, pool, result[0]);
    } catch (RuntimeException e) {
      Optional.ofNullable(result[0]).ifPresent(Tensor::close);
      pool.close();
      warned.accept(
          "the forward is not captured as a CUDA graph, which makes small models slower ("
              + LibTorchException.readable(e)
              + ")");
      return null;
    }
  }

  private Tensor plain(Tensor on) {
    return Scopes.keep(
        () -> {
          try (Grad off = Grad.off();
              ForwardContext forward = ForwardContext.evaluation()) {
            return work.apply(on, forward);
          }
        });
  }

  private void drop() {
    Optional.ofNullable(captured).ifPresent(Captured::close);
    captured = null;
    Optional.ofNullable(tokens).ifPresent(Tensor::close);
    tokens = null;
    runs = 0;
  }

  @Override
  public void close() {
    drop();
    Optional.ofNullable(stream).ifPresent(SideStream::close);
  }
}
