package dev.hydra.trainer.metrics;

import java.util.OptionalLong;
import java.util.function.Supplier;

/**
 * Counts tokens and the time that was spent on training them: over all processes that a run went on
 * in, and since the last report. Safe for several threads.
 */
public final class TrainingClock {
  private static final double NANOS = 1e9;

  private long tokens;
  private double secondsBefore;
  private long tokensBefore;
  private long waitedNanos;
  private long begun = System.nanoTime();
  private OptionalLong pausedAt = OptionalLong.of(begun); // until it is started

  /** Where a run is: tokens trained, and the seconds that training them took. */
  public record Position(long tokens, double seconds) {}

  /** Goes on from a position; what passes from now on is training. */
  public synchronized void start(Position from) {
    pausedAt = OptionalLong.empty();
    count(from);
  }

  private void count(Position from) {
    tokens = from.tokens();
    tokensBefore = tokens;
    secondsBefore = from.seconds();
    waitedNanos = 0;
    begun = System.nanoTime();
  }

  /** Counts the tokens of a step. */
  public synchronized void stepped(long trained) {
    tokens += trained;
  }

  /** Stands still until the pause is closed: what passes is not training. */
  public synchronized Pause pause() {
    long since = System.nanoTime();
    pausedAt = OptionalLong.of(since);
    return () -> end(since);
  }

  private synchronized void end(long since) {
    begun += System.nanoTime() - since;
    pausedAt = OptionalLong.empty();
  }

  /** A time that is not training. */
  public interface Pause extends AutoCloseable {
    @Override
    void close();
  }

  /** Returns the position now. */
  public synchronized Position position() {
    long now = pausedAt.orElseGet(System::nanoTime);
    return new Position(tokens, secondsBefore + (now - begun) / NANOS);
  }

  /**
   * Gets data that training stands still for.
   *
   * @return what the source gives
   */
  public <T> T waitFor(Supplier<T> data) {
    long since = System.nanoTime();
    T given = data.get();
    waited(System.nanoTime() - since);
    return given;
  }

  private synchronized void waited(long nanos) {
    waitedNanos += nanos;
  }

  /**
   * What passed between two reports.
   *
   * @param tokensPerSecond tokens trained a second
   * @param dataWait the part of the time in which training waited for data, from 0 to 1
   */
  public record Lap(double tokensPerSecond, double dataWait) {}

  /** Returns what passed since the last lap, and begins the next. */
  public synchronized Lap lap() {
    Position now = position();
    double seconds = now.seconds() - secondsBefore;
    Lap lap =
        new Lap(
            (now.tokens() - tokensBefore) / seconds,
            Math.min(1, waitedNanos / NANOS / seconds)); // waits for a step taken again count, too
    count(now);
    return lap;
  }
}
