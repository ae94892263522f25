package dev.hydra.cli;

import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Where the messages of a conversation come from. */
interface ChatInput extends AutoCloseable {
  /** Reads the next message; null at the end. */
  @Nullable String next() throws IOException;

  /**
   * Runs an action whenever Ctrl-C is pressed, but not while a message is being written.
   *
   * @return why it cannot be heard, if so
   */
  Optional<String> onInterrupt(Runnable action);

  /** Says whether somebody writes and sees what comes. */
  boolean interactive();

  @Override
  void close() throws IOException;
}
