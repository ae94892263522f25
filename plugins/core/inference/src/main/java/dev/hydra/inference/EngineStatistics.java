package dev.hydra.inference;

import java.util.concurrent.atomic.LongAdder;

/** Counts what an engine does; read from any thread. */
public final class EngineStatistics {
  private final LongAdder sessions = new LongAdder();
  private final LongAdder cancelled = new LongAdder();
  private final LongAdder failed = new LongAdder();
  private final LongAdder promptTokens = new LongAdder();
  private final LongAdder reusedTokens = new LongAdder();
  private final LongAdder drawnTokens = new LongAdder();
  private final LongAdder steps = new LongAdder();
  private volatile int running;
  private volatile int waiting;
  private volatile long prefixBytes;

  /**
   * The counts at one moment.
   *
   * @param running sessions that are read or continued
   * @param waiting sessions that wait for their turn
   * @param sessions sessions opened
   * @param cancelled those that were cancelled
   * @param failed those that failed
   * @param promptTokens tokens of prompts read
   * @param reusedTokens tokens of prompts that were not read, as their state was kept
   * @param drawnTokens tokens drawn
   * @param steps decoding steps
   * @param prefixBytes bytes of kept states
   */
  public record Snapshot(
      int running,
      int waiting,
      long sessions,
      long cancelled,
      long failed,
      long promptTokens,
      long reusedTokens,
      long drawnTokens,
      long steps,
      long prefixBytes) {}

  EngineStatistics() {}

  /** Returns the counts. */
  public Snapshot snapshot() {
    return new Snapshot(
        running,
        waiting,
        sessions.sum(),
        cancelled.sum(),
        failed.sum(),
        promptTokens.sum(),
        reusedTokens.sum(),
        drawnTokens.sum(),
        steps.sum(),
        prefixBytes);
  }

  void opened() {
    sessions.increment();
  }

  void wasCancelled() {
    cancelled.increment();
  }

  void hasFailed() {
    failed.increment();
  }

  void read(long tokens) {
    promptTokens.add(tokens);
  }

  void reused(long tokens) {
    reusedTokens.add(tokens);
  }

  void drawn(long tokens) {
    drawnTokens.add(tokens);
    steps.increment();
  }

  void now(int nowRunning, int nowWaiting, long nowPrefixBytes) {
    running = nowRunning;
    waiting = nowWaiting;
    prefixBytes = nowPrefixBytes;
  }
}
