package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Messages of a script, one a line. */
final class LinesInput implements ChatInput {
  private final BufferedReader lines;

  LinesInput(InputStream in) {
    // Not to be closed: it is the process's standard input.
    lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8.newDecoder()));
  }

  @Override
  public @Nullable String next() throws IOException {
    try {
      return lines.readLine();
    } catch (CharacterCodingException e) {
      throw new UsageException("standard input is not text in UTF-8");
    }
  }

  @Override
  public Optional<String> onInterrupt(Runnable action) {
    return ProcessSignal.handle("INT", action);
  }

  @Override
  public boolean interactive() {
    return false;
  }

  @Override
  public void close() {}
}
