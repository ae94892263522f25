package dev.hydra.libtorch.runtime;

import java.util.function.Supplier;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.global.torch;

/**
 * Chooses, for the whole process, whether operators whose results may differ from run to run on
 * CUDA are computed in a slower way that always gives the same bits. {@link #ON} is not LibTorch's
 * {@code setDeterministicAlgorithms} for good: that would make every operator fail that has no such
 * way, and keep {@code scatter} out of CUDA graphs. An operator that needs the switch is called
 * through {@link #within}.
 */
public enum Determinism {
  /** Results may differ in their last bits. */
  OFF,
  /** The same inputs give the same bits. */
  ON;

  private static final Object LOCK = new Object();

  /** A process has one LibTorch, which has one switch. */
  private static volatile Determinism current = OFF;

  /** How many calls need the switch now. */
  private static int inside;

  /** Returns what is asked for now. */
  public static Determinism current() {
    return current;
  }

  /** Says whether results must not differ. */
  public static boolean wanted() {
    return current == ON;
  }

  /** Asks for this until the result is closed, which brings back what was asked for before. */
  public Setting set() {
    Determinism before = current;
    current = this;
    return () -> current = before;
  }

  /** Holds a choice in place. */
  @FunctionalInterface
  public interface Setting extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Calls an operator that asks LibTorch's switch, with the switch on if this is {@link #wanted}.
   * Meanwhile other threads are given LibTorch's deterministic algorithms, too: to be held for
   * single operators only.
   */
  public static <T> T within(Supplier<T> operator) {
    if (!wanted()) {
      return operator.get();
    }
    turn(1);
    try {
      return operator.get();
    } finally {
      turn(-1);
    }
  }

  private static void turn(int by) {
    synchronized (LOCK) {
      inside += by;
      Context context = torch.globalContext();
      context.setDeterministicFillUninitializedMemory(false); // it is written before it is read
      context.setDeterministicAlgorithms(inside > 0, false);
    }
  }
}
