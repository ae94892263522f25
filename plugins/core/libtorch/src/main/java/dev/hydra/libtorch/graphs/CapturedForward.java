package dev.hydra.libtorch.graphs;

import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A computation over tokens without gradients, which on CUDA is captured as a graph at the third
 * run of one shape in a row: short ones take the host longer to issue than the device to compute.
 * Parts that do not need each other run {@linkplain Branches beside each other}. Nothing of the
 * model may change but what its parameters hold, unless it is {@linkplain #changed said}.
 */
public final class CapturedForward implements AutoCloseable {
  /** Runs before a capture: libraries set themselves up at first use, which cannot be captured. */
  private static final int WARM_UP = 2;

  /** Runs after those that are not worth a capture: it issues the work once more. */
  private static final int FEW = 3;

  private final Device device;
  private final UnaryOperator<Tensor> work;
  private final BooleanSupplier wanted;
  private final Consumer<String> warned;
  private @Nullable Branches branches;
  private @Nullable Captured captured;
  private @Nullable Tensor tokens;
  private int runs;
  private boolean refused;

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
   * @param work gets tokens, int64 on the device, in the shape that they were given; it does not
   *     record gradients
   * @param wanted asked before every run on a CUDA device: whether it may be captured
   * @param warned is told why it cannot be captured
   */
  public CapturedForward(
      Device device, UnaryOperator<Tensor> work, BooleanSupplier wanted, Consumer<String> warned) {
    this.device = device;
    this.work = work;
    this.wanted = wanted;
    this.warned = warned;
  }

  /** Says whether a capture is worth its time where so many runs of one shape follow. */
  public static boolean pays(int runs) {
    return runs > WARM_UP + FEW;
  }

  /**
   * Computes.
   *
   * @param given int64 [...], on any device; another shape than that of the run before gives the
   *     memory of a capture back
   * @return what the work returns, which the next run may replace
   */
  public Tensor run(Tensor given) {
    if (!device.is_cuda() || refused || !wanted.getAsBoolean()) {
      changed();
      return issued(given.to(device, ScalarType.Long));
    }
    if (branches == null) {
      branches = new Branches(device);
    }
    Branches own = branches;
    return own.call(() -> on(own.trunk(), given));
  }

  private Tensor on(SideStream side, Tensor given) {
    Tensor buffer = fit(given);
    Scopes.run(() -> buffer.copy_(given));
    if (runs == WARM_UP) {
      captured = capture(side, buffer);
    }
    runs++;
    if (captured == null) {
      return issued(buffer);
    }
    captured.graph().replay();
    return captured.result();
  }

  private Tensor fit(Tensor given) {
    if (tokens == null || !Arrays.equals(Tensors.sizes(tokens), Tensors.sizes(given))) {
      changed();
      try (PointerScope scope = new PointerScope()) {
        tokens = Scopes.own(given.to(device, ScalarType.Long).clone());
      }
    }
    return tokens;
  }

  private @Nullable Captured capture(SideStream side, Tensor buffer) {
    GraphPool pool = new GraphPool(side);
    Tensor[] result = new Tensor[1];
    try {
      CudaGraph graph = CudaGraph.capture(side, pool, () -> result[0] = Scopes.own(issued(buffer)));
      return new Captured(graph, pool, result[0]);
    } catch (RuntimeException e) {
      Optional.ofNullable(result[0]).ifPresent(Tensor::close);
      pool.close();
      refused = true; // what cannot be captured is not tried again
      warned.accept(
          "the forward is not captured as a CUDA graph, which makes small models slower ("
              + LibTorchException.readable(e)
              + "); trainer.graph = off says that this is meant");
      return null;
    }
  }

  private Tensor issued(Tensor on) {
    return Scopes.keep(() -> work.apply(on));
  }

  /** Says whether the next run of the same shape is replayed. */
  public boolean captured() {
    return captured != null;
  }

  /**
   * Forgets what has been captured, and gives its memory back: the model may be another one now.
   */
  public void changed() {
    Optional.ofNullable(captured).ifPresent(Captured::close);
    captured = null;
    Optional.ofNullable(tokens).ifPresent(Tensor::close);
    tokens = null;
    runs = 0;
  }

  @Override
  public void close() {
    changed();
    Optional.ofNullable(branches).ifPresent(Branches::close);
    branches = null;
  }
}
