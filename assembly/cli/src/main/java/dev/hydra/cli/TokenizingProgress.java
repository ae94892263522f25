package dev.hydra.cli;

import java.io.PrintWriter;
import java.util.function.LongConsumer;

/** Shows how much of a text has been made tokens: a line that is rewritten, on a terminal only. */
final class TokenizingProgress implements LongConsumer {
  private static final double MEGA = 1e6;

  private final PrintWriter screen;
  private final long begin = System.nanoTime();

  TokenizingProgress(PrintWriter screen) {
    this.screen = screen;
  }

  @Override
  public void accept(long bytes) {
    if (Boolean.getBoolean("hydra.terminal")) {
      double seconds = (System.nanoTime() - begin) / 1e9;
      screen.printf(
          "\r\u001b[Kmaking tokens: %,.0f MB of text, %,.1f MB/s",
          bytes / MEGA, bytes / MEGA / seconds);
      screen.flush();
    }
  }
}
