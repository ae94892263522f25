package dev.hydra.inference;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/** Where sessions wait until an engine takes them; any thread brings them. */
final class WaitingRoom {
  private final int seats;
  private final Deque<Session> sessions = new ArrayDeque<>();
  private boolean closed;

  WaitingRoom(int seats) {
    this.seats = seats;
  }

  /**
   * Lets sessions in, all or none.
   *
   * @param taken how many can be taken at once
   * @throws EngineBusyException if too many wait
   * @throws IllegalStateException if the engine has been closed
   */
  synchronized void add(List<Session> several, int taken) {
    if (closed) {
      throw new IllegalStateException("the engine has been closed");
    }
    if (sessions.size() + several.size() > seats + taken) {
      throw new EngineBusyException(sessions.size());
    }
    sessions.addAll(several);
    notifyAll();
  }

  synchronized Optional<Session> poll() {
    return Optional.ofNullable(sessions.poll());
  }

  synchronized int size() {
    return sessions.size();
  }

  /** Waits until there is a session, or the end, or for as long as given. */
  synchronized void await(long millis) throws InterruptedException {
    long end = System.nanoTime() + millis * 1_000_000;
    for (long left = millis; left > 0; left = (end - System.nanoTime()) / 1_000_000) {
      if (!sessions.isEmpty() || closed) {
        return;
      }
      wait(left);
    }
  }

  /** Lets nobody in any more; gives those who wait. */
  synchronized List<Session> close() {
    closed = true;
    List<Session> left = new ArrayList<>(sessions);
    sessions.clear();
    notifyAll();
    return left;
  }
}
