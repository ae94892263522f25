package dev.hydra.cli.swapbench;

import dev.hydra.libtorch.runtime.ProcessMemory;
import dev.hydra.libtorch.runtime.Scopes;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;

/**
 * What swaps could leave behind in the process, after a collection of garbage.
 *
 * @param swaps how many were made
 * @param resident bytes of resident memory; 0 where that is not known
 * @param handles native handles that are alive
 * @param threads threads that are alive
 * @param loaders class loaders of added plugins that are alive
 */
public record Census(int swaps, long resident, long handles, int threads, int loaders) {
  private static final int ATTEMPTS = 40;
  private static final long WAIT_MILLIS = 50;

  /** What a heap and the memory of an allocator may vary by. */
  private static final long BYTES = 64L << 20;

  /** What is kept to undo the last swap differs from plugin to plugin; 68 were seen. */
  private static final long HANDLES = 100;

  /** A pool of threads may have one more. */
  private static final int THREADS = 2;

  /**
   * Counts; waits a while for the class loaders of replaced plugins to go.
   *
   * @param needed how many of those are in use, or would be after an undo
   */
  static Census take(int swaps, CountedPlugins plugins, int needed) {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      System.gc();
      if (plugins.loaders() <= needed) {
        break;
      }
      sleep();
    }
    return new Census(
        swaps,
        ProcessMemory.now().orElse(0),
        Scopes.liveHandles(),
        ManagementFactory.getThreadMXBean().getThreadCount(),
        plugins.loaders());
  }

  private static void sleep() {
    try {
      Thread.sleep(WAIT_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** The most of everything that several have seen, after the swaps of the last of them. */
  static Census most(List<Census> seen) {
    return seen.stream()
        .reduce(
            (a, b) ->
                new Census(
                    b.swaps,
                    Math.max(a.resident, b.resident),
                    Math.max(a.handles, b.handles),
                    Math.max(a.threads, b.threads),
                    Math.max(a.loaders, b.loaders)))
        .orElseThrow();
  }

  /**
   * Whether there is no more than earlier but for what varies, and of class loaders no more than
   * needed. Many swaps show what each leaves behind; few show only class loaders.
   */
  boolean flat(Census earlier, int needed) {
    return resident <= earlier.resident() + BYTES
        && handles <= earlier.handles() + HANDLES
        && threads <= earlier.threads() + THREADS
        && loaders <= needed;
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "after %,d swaps %,.1f MiB resident, %,d handles, %d threads, %d class loaders",
        swaps,
        resident / (double) (1 << 20),
        handles,
        threads,
        loaders);
  }
}
