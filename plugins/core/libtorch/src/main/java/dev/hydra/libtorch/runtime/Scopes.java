package dev.hydra.libtorch.runtime;

import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** Frees off-heap memory by scope. */
public final class Scopes {
  private Scopes() {}

  /** Runs an action and frees what it creates. */
  public static void run(Runnable action) {
    try (PointerScope scope = new PointerScope()) {
      action.run();
    }
  }

  /**
   * Runs an action and frees what it creates, except its result: that belongs to the scope round
   * this call or, if there is none, to the caller.
   */
  public static Tensor keep(Supplier<Tensor> action) {
    return keepAll(() -> new Tensor[] {action.get()})[0];
  }

  /** Runs an action and frees what it creates, except its results. */
  public static Tensor[] keepAll(Supplier<Tensor[]> action) {
    PointerScope outer = PointerScope.getInnerScope();
    try (PointerScope scope = new PointerScope()) {
      Tensor[] results = action.get();
      for (Tensor result : results) {
        if (outer != null) {
          outer.attach(result);
        } else {
          result.retainReference();
        }
      }
      return results;
    }
  }

  /**
   * Returns a handle of its own to the tensor that {@code tensor} refers to. No scope frees it:
   * whoever called this closes it.
   */
  public static Tensor own(Tensor tensor) {
    Tensor handle = new Tensor(tensor);
    handle.retainReference();
    return handle;
  }

  /** Returns the number of live off-heap handles in this process, for tests that it stays flat. */
  public static long liveHandles() {
    return Pointer.totalCount();
  }
}
