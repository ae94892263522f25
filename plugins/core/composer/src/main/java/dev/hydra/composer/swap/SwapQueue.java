package dev.hydra.composer.swap;

import dev.hydra.composer.model.ModelState;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A queue of all that is asked of a running model: one turn after the other, on a thread that is
 * there as long as there are turns. What a turn has made ready waits here for the boundary; the
 * next turn begins when it is over.
 */
final class SwapQueue implements AutoCloseable {
  private static final String ENDED = "the run has ended";

  private final Object monitor = new Object();
  private final Deque<Turn<?>> waiting = new ArrayDeque<>();
  private @Nullable Turn<?> current;
  private @Nullable Ready ready;
  private @Nullable Thread worker;
  private boolean closed;

  /** An action that is run at the boundary. */
  @FunctionalInterface
  interface Action {
    SwapReport run(long step, List<ModelState> states);
  }

  /** An action that waits for the boundary, and the future of its report. */
  record Ready(String request, Action action, CompletableFuture<SwapReport> report) {}

  private record Turn<T>(Supplier<T> task, CompletableFuture<T> answer) {
    void run() {
      try {
        answer.complete(task.get());
      } catch (Throwable e) { // whoever asked waits for an answer
        answer.completeExceptionally(e);
      }
    }
  }

  /**
   * Runs a task in its turn and waits for the answer; within a turn it is part of that.
   *
   * @throws SwapRefusedException if the queue was closed before its turn
   * @throws InterruptedException if the calling thread was interrupted before its turn; later, the
   *     turn is interrupted, and answers
   */
  @SuppressWarnings("InterruptedExceptionSwallowed") // the turn answers, and the thread is told
  <T> T run(Supplier<T> task) throws InterruptedException {
    if (isTurn()) {
      return task.get();
    }
    Turn<T> turn = new Turn<>(task, new CompletableFuture<>());
    if (!add(turn)) {
      throw new SwapRefusedException(ENDED);
    }
    try {
      return answer(turn);
    } catch (InterruptedException e) {
      if (withdrawn(turn)) {
        throw e;
      }
      try {
        return turn.answer().join();
      } finally {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static <T> T answer(Turn<T> turn) throws InterruptedException {
    try {
      return turn.answer().get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof SwapRefusedException refused) {
        throw refused;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  /** Adds a task with a turn of its own, which nobody waits for; not after the end. */
  void add(Runnable task) {
    Supplier<Boolean> done =
        () -> {
          task.run();
          return true;
        };
    add(new Turn<>(done, new CompletableFuture<>()));
  }

  private boolean add(Turn<?> turn) {
    synchronized (monitor) {
      if (closed) {
        return false;
      }
      waiting.add(turn);
      if (worker == null) {
        worker = new Thread(this::work, "hydra-swaps");
        worker.setDaemon(true);
        worker.start();
      }
      return true;
    }
  }

  private boolean isTurn() {
    synchronized (monitor) {
      return Thread.currentThread().equals(worker);
    }
  }

  private void work() {
    for (Turn<?> turn = next(); turn != null; turn = next()) {
      turn.run();
    }
  }

  private @Nullable Turn<?> next() {
    synchronized (monitor) {
      Thread.interrupted(); // that was meant for the turn before, which is over
      current = waiting.poll();
      if (current == null) {
        worker = null;
        monitor.notifyAll();
      }
      return current;
    }
  }

  /** Withdraws a turn that has not begun; interrupts it if it has. */
  private boolean withdrawn(Turn<?> turn) {
    synchronized (monitor) {
      if (turn.equals(current) && worker != null) {
        worker.interrupt();
      }
      return waiting.remove(turn);
    }
  }

  /**
   * Waits, within a turn, until the boundary has run an action.
   *
   * @throws SwapRefusedException if the queue was closed before
   * @throws InterruptedException if the turn was interrupted before
   */
  SwapReport atBoundary(String request, Action action) throws InterruptedException {
    Ready mine = new Ready(request, action, new CompletableFuture<>());
    synchronized (monitor) {
      if (closed) {
        throw new SwapRefusedException(ENDED);
      }
      ready = mine;
    }
    try {
      return mine.report().get();
    } catch (InterruptedException e) {
      if (take(mine)) {
        throw e;
      }
      return mine.report().join(); // too late: it is being done
    } catch (ExecutionException e) {
      throw new SwapRefusedException(ENDED);
    }
  }

  private boolean take(Ready mine) {
    synchronized (monitor) {
      boolean there = mine.equals(ready);
      if (there) {
        ready = null;
      }
      return there;
    }
  }

  /** Takes the action that is ready, for the boundary to run: nobody else will. */
  Optional<Ready> take() {
    synchronized (monitor) {
      Optional<Ready> taken = Optional.ofNullable(ready);
      ready = null;
      return taken;
    }
  }

  /** Says whether an action is ready for the boundary. */
  boolean hasReady() {
    synchronized (monitor) {
      return ready != null;
    }
  }

  /** Says whether no turn has begun that is not over. */
  boolean idle() {
    synchronized (monitor) {
      return current == null;
    }
  }

  /** Refuses what has not begun and what is ready; waits for the end of the turn that has begun. */
  @Override
  public void close() {
    boolean interrupted = false;
    synchronized (monitor) {
      closed = true;
      SwapRefusedException ended = new SwapRefusedException(ENDED);
      waiting.forEach(each -> each.answer().completeExceptionally(ended));
      waiting.clear();
      take().ifPresent(each -> each.report().completeExceptionally(ended));
      while (worker != null) {
        try {
          monitor.wait();
        } catch (InterruptedException e) {
          interrupted = true; // what is being built must not be left with a model that is freed
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
