package dev.hydra.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Token ids as {@code --tokens} takes them: JSON itself, a file of it, or - for standard input.
 *
 * @param named what the text is called in messages
 * @param json the text
 */
record TokensArgument(String named, String json) {
  private static final String NAME = "--tokens";

  static TokensArgument read(String given) throws IOException {
    boolean elsewhere =
        given.equals(TextArgument.STDIN) || (!given.contains("[") && Files.exists(Path.of(given)));
    return elsewhere
        ? new TokensArgument(NAME + " " + given, TextArgument.read(given, System.in))
        : new TokensArgument(NAME, given);
  }
}
