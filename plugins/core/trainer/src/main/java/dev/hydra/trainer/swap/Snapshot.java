package dev.hydra.trainer.swap;

import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.ParameterStore;
import dev.hydra.composer.swap.SwapRefusedException;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.FreeMemory;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.RandomState;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.ParameterState;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot of parameters, optimizer state and random numbers in host memory: with AdamW 12 bytes
 * for every trained element, 4 for every other. They are copied while a step's forwards and
 * backwards run, which change neither: only the update has to wait.
 */
final class Snapshot implements AutoCloseable {
  private final Map<String, Tensor> values = new LinkedHashMap<>();
  private final Map<String, ParameterState> states = new LinkedHashMap<>();
  private final Executor background;
  private @Nullable RandomState random;
  private CompletableFuture<Void> filled = CompletableFuture.completedFuture(null);

  /**
   * Creates an empty snapshot.
   *
   * @param store whose parameters it is for
   * @param stateBytes the size of the optimizer's state
   * @param background where it is filled and given back
   * @throws SwapRefusedException if there is no memory for them
   */
  Snapshot(ParameterStore store, long stateBytes, Executor background) {
    this.background = background;
    long masters = store.all().stream().mapToLong(each -> each.spec().elements()).sum();
    if (masters * Float.BYTES + stateBytes > FreeMemory.bytes()) {
      throw new SwapRefusedException(
          "there is no memory to keep what is before the swap; set trainer.swap.guard-steps = 0");
    }
  }

  /** Begins to copy the present state: until {@link #await} is back, nothing may change. */
  void fill(ParameterStore store, Optimizer optimizer) {
    List<Parameter> all = List.copyOf(store.all());
    Map<String, ParameterState> now = optimizer.states();
    random = RandomState.own();
    filled = CompletableFuture.runAsync(() -> copyAll(all, now), background);
  }

  private void copyAll(List<Parameter> parameters, Map<String, ParameterState> now) {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      for (Parameter each : parameters) {
        values.put(each.name(), copy(each.master()));
        ParameterState own = now.get(each.name());
        if (own != null) {
          states.put(each.name(), own.map(Snapshot::copy));
        }
      }
    }
  }

  private static Tensor copy(Tensor tensor) {
    TensorOptions host = new TensorOptions(Tensors.type(tensor));
    return Scopes.own(torch.empty(Tensors.sizes(tensor), host, null).copy_(tensor));
  }

  /**
   * Waits until all is copied.
   *
   * @throws IllegalStateException if that failed: the swap has to be rolled back
   */
  void await() {
    try {
      filled.join();
    } catch (CompletionException e) {
      Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
      throw new IllegalStateException(
          "what was before the swap could not be kept: " + LibTorchException.readable(cause),
          cause);
    }
  }

  /**
   * Restores the state that was copied; the same parameters must be there. Where copying failed
   * there was no update, so that they are as they were.
   */
  void restore(ParameterStore store, Optimizer optimizer) {
    ended();
    if (random != null) {
      random.restore();
    }
    if (filled.isCompletedExceptionally()) {
      return;
    }
    values.forEach(store::load);
    Map<String, ParameterState> now = optimizer.states();
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off()) {
      states.forEach((name, saved) -> load(now.get(name), saved));
    }
  }

  private static void load(@Nullable ParameterState to, ParameterState from) {
    if (to == null) {
      throw new IllegalStateException("the trained parameters are not those of the snapshot");
    }
    to.load(from);
  }

  /** Waits until nothing is copied any more: {@link #await} has told, if anybody needs to know. */
  private void ended() {
    filled.exceptionally(failure -> null).join();
  }

  /** Gives the memory back, in the background, as that takes a while. */
  @Override
  public void close() {
    ended();
    filled = CompletableFuture.completedFuture(null); // no update needs it any more
    background.execute(this::free);
  }

  private void free() {
    values.values().forEach(Tensor::close);
    states.values().forEach(ParameterState::close);
    if (random != null) {
      random.close();
    }
  }
}
