package dev.hydra.cli;

import java.io.IOException;
import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.completer.StringsCompleter;
import org.jline.terminal.Size;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;

/**
 * Messages that somebody writes at a terminal: lines can be edited, those before come back with the
 * arrow keys, commands are completed by Tab.
 */
final class TerminalInput implements ChatInput {
  private static final String PROMPT = "> ";
  private static final int USUAL_ROWS = 24;

  // JLine logs that a terminal is not one; nothing is to be done about it.
  private static final Logger JLINE = Logger.getLogger("org.jline");

  private final Terminal terminal;
  private final LineReader reader;

  TerminalInput(Terminal terminal) {
    this.terminal = terminal;
    if (terminal.getWidth() == 0) { // one that does not say, as in a container: nothing would show
      terminal.setSize(new Size(TerminalWidth.USUAL, USUAL_ROWS));
    }
    reader =
        LineReaderBuilder.builder()
            .terminal(terminal)
            .completer(new StringsCompleter(ChatLoop.COMMANDS))
            .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true) // a "!" is one
            .build();
  }

  /** Opens the terminal of the process. */
  static TerminalInput open() throws IOException {
    JLINE.setLevel(Level.OFF);
    return new TerminalInput(TerminalBuilder.builder().system(true).dumb(true).build());
  }

  @Override
  public @Nullable String next() {
    while (true) {
      try {
        return reader.readLine(PROMPT);
      } catch (UserInterruptException e) {
        if (e.getPartialLine().isEmpty()) {
          return null; // else Ctrl-C gives up the line only
        }
      } catch (EndOfFileException e) {
        return null;
      }
    }
  }

  @Override
  public Optional<String> onInterrupt(Runnable action) {
    terminal.handle(Terminal.Signal.INT, signal -> action.run());
    return Optional.empty();
  }

  @Override
  public boolean interactive() {
    return true;
  }

  @Override
  public void close() throws IOException {
    terminal.close();
  }
}
