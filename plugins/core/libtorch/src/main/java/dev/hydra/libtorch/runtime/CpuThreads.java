package dev.hydra.libtorch.runtime;

import java.util.function.Supplier;
import org.bytedeco.pytorch.global.torch;

/**
 * The threads of LibTorch's operators on a CPU. To wake another thread takes longer than most
 * operators of a step that decodes one token; only large ones gain from it.
 */
public final class CpuThreads {
  private static final int USUAL = torch.get_num_threads();

  private CpuThreads() {}

  /** The calling thread computes alone until it is closed. */
  public interface Alone extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Lets the calling thread compute alone. A thread that calls LibTorch for the first time
   * meanwhile does so, too, until it has closed one of its own.
   */
  public static Alone alone() {
    torch.set_num_threads(1);
    return () -> torch.set_num_threads(USUAL);
  }

  /** Runs work with all threads where it is large, also where the calling thread is alone. */
  public static <T> T all(boolean large, Supplier<T> work) {
    int now = torch.get_num_threads();
    if (!large || now == USUAL) {
      return work.get();
    }
    torch.set_num_threads(USUAL);
    try {
      return work.get();
    } finally {
      torch.set_num_threads(now);
    }
  }
}
