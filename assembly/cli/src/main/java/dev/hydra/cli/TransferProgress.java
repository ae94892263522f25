package dev.hydra.cli;

import dev.hydra.huggingface.Progress;
import java.io.PrintWriter;
import java.time.Duration;

/** Shows how much of a model has moved: one line that is rewritten, on a terminal only. */
final class TransferProgress implements Progress {
  private static final long REWRITE_NANOS = Duration.ofMillis(200).toNanos();
  private static final double MIB = 1 << 20;

  private final PrintWriter out;
  private final boolean terminal;
  private long shownAt;

  TransferProgress(PrintWriter out, boolean terminal) {
    this.out = out;
    this.terminal = terminal;
  }

  @Override
  public void moved(long bytes, long total) {
    long now = System.nanoTime();
    if (!terminal || (bytes < total && now - shownAt < REWRITE_NANOS)) {
      return;
    }
    shownAt = now;
    out.printf("\r\u001b[K%,.0f of %,.0f MiB", bytes / MIB, total / MIB);
    if (bytes == total) {
      out.println();
    }
    out.flush();
  }
}
