package dev.hydra.libtorch.runtime;

import java.util.function.Supplier;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * The threads of OpenBLAS, which computes products of float32 and float64 on a CPU.
 *
 * <p>Some of LibTorch's operators, fused attention above all, call it from inside their own
 * parallel work. There its threads would fight LibTorch's for the cores, which makes attention up
 * to thirty times slower, so it has to be kept to the calling thread. Everywhere else it needs its
 * threads.
 */
public final class OpenBlas {
  /**
   * The variable that holds the number of threads of a product; OpenBLAS' own function to set it
   * needs a millisecond.
   */
  private static final String THREADS = "blas_cpu_number";

  /** OpenBLAS is there once in a process, so this is too. */
  private static final OpenBlas PROCESS = new OpenBlas();

  /** Null where LibTorch computes with something else. */
  private final @Nullable IntPointer threads;

  private int inside;
  private int usual;

  private OpenBlas() {
    Loader.load(torch.class);
    Pointer found = Loader.addressof(THREADS);
    threads = found == null ? null : new IntPointer(found);
  }

  /** Runs work in which every product is computed by the thread that asks for it. */
  public static <T> T unthreaded(Supplier<T> work) {
    PROCESS.enter();
    try {
      return work.get();
    } finally {
      PROCESS.leave();
    }
  }

  /** Returns the threads of a product that begins now; 0 if that is not known. */
  static int threads() {
    return PROCESS.current();
  }

  private synchronized int current() {
    return threads == null ? 0 : threads.get();
  }

  private synchronized void enter() {
    if (threads != null && inside++ == 0) {
      usual = threads.get();
      threads.put(1);
    }
  }

  private synchronized void leave() {
    if (threads != null && --inside == 0) {
      threads.put(usual);
    }
  }
}
