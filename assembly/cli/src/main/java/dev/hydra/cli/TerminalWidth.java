package dev.hydra.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.function.IntSupplier;
import java.util.regex.Pattern;

/**
 * How many columns the terminal has, asked anew every few seconds, as windows change their size.
 */
final class TerminalWidth implements IntSupplier {
  /** What a terminal has that does not say. */
  static final int USUAL = 80;

  private static final long ASK_NANOS = Duration.ofSeconds(2).toNanos();
  private static final Pattern SIZE = Pattern.compile("[0-9]{1,5} [0-9]{1,5}");

  private int columns;
  private long askedAt;

  @Override
  public int getAsInt() {
    long now = System.nanoTime();
    if (columns == 0 || now - askedAt > ASK_NANOS) {
      askedAt = now;
      columns = asked();
    }
    return columns;
  }

  private static int asked() {
    try {
      Process stty =
          new ProcessBuilder("stty", "size")
              .redirectInput(new java.io.File("/dev/tty"))
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      return columns(new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII));
    } catch (IOException e) {
      return USUAL; // a system without stty, or a process without a terminal of its own
    }
  }

  /** The columns in what {@code stty size} says. */
  static int columns(String size) {
    String said = size.strip();
    int columns =
        SIZE.matcher(said).matches() ? Integer.parseInt(said.substring(said.indexOf(' ') + 1)) : 0;
    return columns == 0 ? USUAL : columns;
  }
}
