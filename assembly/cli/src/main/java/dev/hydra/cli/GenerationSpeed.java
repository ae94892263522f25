package dev.hydra.cli;

import dev.hydra.api.Messages;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Measures how fast tokens are drawn. The first is apart: before it the whole prompt is read, and
 * code is loaded.
 */
final class GenerationSpeed {
  private final LongSupplier nanoTime;
  private final long begin;
  private long first;
  private long last;
  private long tokens;

  /** Begins to measure. */
  GenerationSpeed(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
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
    String line =
        String.format(
            Locale.ROOT,
            "%s, the first after %.2f s",
            Messages.count(tokens, "token"),
            (first - begin) / 1e9);
    return Optional.of(
        tokens == 1
            ? line
            : line
                + String.format(
                    Locale.ROOT, ", then %,.1f tokens/s", (tokens - 1) * 1e9 / (last - first)));
  }
}
