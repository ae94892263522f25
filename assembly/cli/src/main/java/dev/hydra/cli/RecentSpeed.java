package dev.hydra.cli;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;

/** The speed of the last ten seconds of work, or of its last part where that took longer. */
final class RecentSpeed {
  private static final double WINDOW_SECONDS = Duration.ofSeconds(10).toSeconds();

  private record Part(double tokens, double seconds) {}

  private final Deque<Part> parts = new ArrayDeque<>();
  private double tokens;
  private double seconds;

  /** Adds what was done since the part before. */
  void add(double newTokens, double tokensPerSecond) {
    Part part = new Part(newTokens, newTokens / tokensPerSecond);
    parts.addLast(part);
    tokens += part.tokens();
    seconds += part.seconds();
    while (parts.size() > 1 && seconds - parts.getFirst().seconds() >= WINDOW_SECONDS) {
      Part old = parts.removeFirst();
      tokens -= old.tokens();
      seconds -= old.seconds();
    }
  }

  /** The speed in tokens per second; something must have been added. */
  double tokensPerSecond() {
    return tokens / seconds;
  }
}
