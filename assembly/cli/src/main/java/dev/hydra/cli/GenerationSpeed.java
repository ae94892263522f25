package dev.hydra.cli;

import dev.hydra.api.Messages;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Measures how fast tokens are drawn. The first is apart: before it the whole prompt is read, and
 * code is loaded; and before that the program has started and read the model.
 */
final class GenerationSpeed {
  private final LongSupplier nanoTime;
  private final LongSupplier upMillis;
  private final long begin;
  private long first;
  private long last;
  private long tokens;

  /**
   * Begins to measure.
   *
   * @param nanoTime a clock
   * @param upMillis for how long the program has been running; asked at the end, as the first
   *     answer takes a moment
   */
  GenerationSpeed(LongSupplier nanoTime, LongSupplier upMillis) {
    this.nanoTime = nanoTime;
    this.upMillis = upMillis;
    begin = nanoTime.getAsLong();
  }

  /** Counts a token. */
  void drawn() {
    last = nanoTime.getAsLong();
    first = tokens == 0 ? last : first;
    tokens++;
  }

  /** One line for people; empty if no token was drawn. */
  Optional<String> report() {
    if (tokens == 0) {
      return Optional.empty();
    }
    double up = upMillis.getAsLong() / 1e3;
    double sinceFirst = (nanoTime.getAsLong() - first) / 1e9;
    String line =
        String.format(
            Locale.ROOT,
            "%s, the first after %.2f s (%.2f s after the program's start)",
            Messages.count(tokens, "token"),
            (first - begin) / 1e9,
            up - sinceFirst);
    return Optional.of(
        tokens == 1
            ? line
            : line
                + String.format(
                    Locale.ROOT, ", then %,.1f tokens/s", (tokens - 1) * 1e9 / (last - first)));
  }
}
