package dev.hydra.inference;

import dev.hydra.libtorch.runtime.CudaOutOfMemory;
import java.util.concurrent.atomic.AtomicInteger;

/** Ends sessions, tells those who listen to them, and knows how many are not over. */
final class SessionEnds {
  private final AtomicInteger unfinished = new AtomicInteger();
  private final EngineStatistics statistics;
  private final PrefixCache prefixes;

  SessionEnds(EngineStatistics statistics, PrefixCache prefixes) {
    this.statistics = statistics;
    this.prefixes = prefixes;
  }

  /** Says that there are so many sessions more, or fewer, that are not over; from any thread. */
  void expect(int more) {
    unfinished.addAndGet(more);
  }

  /** Says whether there is a session that is not over. */
  boolean areAwaited() {
    return unfinished.get() > 0;
  }

  void finish(Session session, FinishReason reason) {
    end(session);
    if (reason == FinishReason.CANCELLED) {
      statistics.wasCancelled();
    }
    session.listener().finished(reason);
  }

  void fail(Session session, RuntimeException problem) {
    if (CudaOutOfMemory.in(problem).isPresent()) {
      prefixes.clear(); // for the sessions to come
    }
    end(session);
    statistics.hasFailed();
    session.listener().failed(problem);
  }

  private void end(Session session) {
    session.end();
    unfinished.decrementAndGet();
  }
}
