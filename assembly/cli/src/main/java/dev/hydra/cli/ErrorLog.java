package dev.hydra.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Keeps the whole of what went wrong, with all causes and native frames, for who mends it. */
final class ErrorLog {
  private ErrorLog() {}

  /** A command that has a folder of its own for what it leaves. */
  interface Folder {
    /** The folder; null if there is none yet. */
    @Nullable Path errors();
  }

  /**
   * Writes a new file, {@code error-*.log}.
   *
   * @param folder where; null, or one that cannot be written: among the temporary files
   * @return the file; empty if there is no room for it anywhere
   */
  static Optional<Path> write(@Nullable Path folder, Throwable thrown) {
    try {
      Path file = create(folder);
      Files.writeString(file, trace(thrown));
      return Optional.of(file);
    } catch (IOException e) {
      return Optional.empty(); // the message on the screen has to do
    }
  }

  private static Path create(@Nullable Path folder) throws IOException {
    if (folder != null && Files.isWritable(folder)) {
      return Files.createTempFile(folder, "error-", ".log");
    }
    return Files.createTempFile("hydra-error-", ".log");
  }

  /** The stack trace, native frames too. */
  static String trace(Throwable thrown) {
    StringWriter text = new StringWriter();
    thrown.printStackTrace(new PrintWriter(text, true));
    return text.toString();
  }
}
