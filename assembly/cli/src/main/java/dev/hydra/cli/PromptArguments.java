package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import dev.hydra.data.Tokenizer;
import java.io.IOException;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What is to be continued: a text or token ids. */
final class PromptArguments {
  @Option(
      names = {"-p", "--prompt"},
      paramLabel = "TEXT",
      description = "What to continue; - reads standard input (default: a line break).")
  private @Nullable String prompt;

  @Option(
      names = "--prompt-file",
      paramLabel = "FILE",
      description = "A file of what to continue, in UTF-8, taken whole.")
  private @Nullable String promptFile;

  @Option(
      names = "--tokens",
      paramLabel = "[ID,...]|FILE|-",
      description =
          "What to continue: a JSON array of token ids, a file with one, or - for standard"
              + " input.")
  private @Nullable String tokens;

  /** Refuses more than one of them. */
  void check() {
    if (Stream.of(prompt, promptFile, tokens).filter(Objects::nonNull).count() > 1) {
      throw new UsageException("give either --prompt or --tokens or --prompt-file");
    }
  }

  /**
   * The tokens, at least one.
   *
   * @param tokenizer that of the model, if it has one
   */
  int[] tokens(@Nullable Tokenizer tokenizer) throws IOException {
    int[] start = start(tokenizer);
    if (start.length == 0) {
      throw new UsageException(
          "the prompt has no token, so there is nothing to continue; give a text that is not empty,"
              + " or the id of a token to begin with, such as --tokens '[0]'");
    }
    return start;
  }

  private int[] start(@Nullable Tokenizer tokenizer) throws IOException {
    if (tokens != null) {
      TokensArgument given = TokensArgument.read(tokens);
      return TokenIds.row(given.named(), given.json());
    }
    if (tokenizer == null) {
      throw new UsageException("this model has no tokenizer; give --tokens, not --prompt");
    }
    return tokenizer.encodePrompt(text());
  }

  private String text() throws IOException {
    if (promptFile != null) {
      return TextArgument.read(promptFile, System.in);
    }
    if (prompt == null) {
      return "\n";
    }
    return prompt.equals(TextArgument.STDIN) ? TextArgument.read(prompt, System.in) : prompt;
  }
}
