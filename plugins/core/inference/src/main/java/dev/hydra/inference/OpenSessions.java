package dev.hydra.inference;

import dev.hydra.libtorch.runtime.OutOfMemory;
import java.util.concurrent.atomic.AtomicInteger;

/** Counts the sessions of an engine that are not over, and ends them: each of them once. */
final class OpenSessions {
  private final EngineStatistics statistics;
  private final PrefixCache prefixes;
  private final AtomicInteger count = new AtomicInteger();

  OpenSessions(EngineStatistics statistics, PrefixCache prefixes) {
    this.statistics = statistics;
    this.prefixes = prefixes;
  }

  /** Counts sessions that are about to wait for their turn. */
  void opening(int sessions) {
    count.addAndGet(sessions);
  }

  /** Counts them no more, as they may not wait. */
  void refused(int sessions) {
    count.addAndGet(-sessions);
  }

  /** Says whether there are any. */
  boolean any() {
    return count.get() > 0;
  }

  /** Ends a session whose text is as it should be. */
  void finish(Session session, FinishReason reason) {
    session.end();
    count.decrementAndGet();
    if (reason == FinishReason.CANCELLED) {
      statistics.wasCancelled();
    }
    session.listener().finished(reason);
  }

  /** Ends a session that cannot go on. */
  void fail(Session session, RuntimeException problem) {
    if (OutOfMemory.in(problem).isPresent()) {
      prefixes.clear(); // for the sessions to come
    }
    session.fail();
    count.decrementAndGet();
    statistics.hasFailed();
    session.listener().failed(problem);
  }
}
