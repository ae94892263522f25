package dev.hydra.cli;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Takes SIGUSR1 as a request, as schedulers send it some time before they end a job; without this
 * it would end the process.
 */
final class CheckpointSignal implements AutoCloseable {
  private static final String NAME = "USR1";

  private volatile @Nullable Runnable action;

  /**
   * Begins to take the signal; until {@link #asksFor} is called it does nothing.
   *
   * @param problem is told if this Java leaves the signal to nobody
   */
  CheckpointSignal(Consumer<String> problem) {
    ProcessSignal.handle(NAME, this::requested)
        .ifPresent(why -> problem.accept("SIG" + NAME + " will end this run: " + why));
  }

  private void requested() {
    Runnable request = action;
    if (request != null) {
      request.run();
    }
  }

  /** Says what the signal asks for; on a thread of its own. */
  void asksFor(Runnable request) {
    action = request;
  }

  /** The signal does nothing from now on. */
  @Override
  public void close() {
    action = null;
  }
}
