package dev.hydra.cli;

import java.io.FilterWriter;
import java.io.IOException;
import java.io.Writer;
import java.util.Optional;

/**
 * A writer that remembers its first failure, which a {@link java.io.PrintWriter} keeps to itself.
 */
final class Output extends FilterWriter {
  private Optional<IOException> failure = Optional.empty();

  Output(Writer out) {
    super(out);
  }

  /** Returns what went wrong first. */
  Optional<IOException> failure() {
    return failure;
  }

  /** Tells whether the reader has ended, as {@code head} does when it has seen enough. */
  static boolean readerEnded(IOException failure) {
    return "Broken pipe".equals(failure.getMessage());
  }

  @Override
  public void write(int character) throws IOException {
    remember(() -> out.write(character));
  }

  @Override
  public void write(char[] text, int from, int length) throws IOException {
    remember(() -> out.write(text, from, length));
  }

  @Override
  public void write(String text, int from, int length) throws IOException {
    remember(() -> out.write(text, from, length));
  }

  @Override
  public void flush() throws IOException {
    remember(out::flush);
  }

  private interface Writing {
    void run() throws IOException;
  }

  private void remember(Writing writing) throws IOException {
    try {
      writing.run();
    } catch (IOException e) {
      failure = failure.or(() -> Optional.of(e));
      throw e;
    }
  }
}
