package dev.hydra.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.api.PluginRegistry;
import dev.hydra.chat.ChatTemplateException;
import dev.hydra.cli.common.UsageException;
import dev.hydra.data.Tokenizer;
import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.io.NotJsonException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Makes tokenizers and says what they make of texts. */
@Command(
    name = "tokenizer",
    description = "Makes tokenizers, and encodes and decodes with them.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "info | encode | decode | train | chat",
    subcommands = TokenizerTrainCommand.class)
final class TokenizerCommand extends CommandGroup {
  private final PluginRegistry plugins;

  TokenizerCommand(PluginRegistry plugins) {
    this.plugins = plugins;
  }

  private PrintWriter out() {
    return spec.commandLine().getOut();
  }

  /** The tokenizer of a file, or of a model's folder. */
  private Tokenizer tokenizer(Path file) {
    return CarriedTokenizer.read(tokenizerFile(file), plugins);
  }

  private static Path tokenizerFile(Path file) {
    if (Files.isDirectory(file)) {
      return CarriedTokenizer.of(file)
          .orElseThrow(() -> new UsageException("there is no tokenizer.json in " + file));
    }
    return existing(file);
  }

  private static Path existing(Path file) {
    if (!Files.exists(file)) {
      throw new UsageException("there is no file " + file);
    }
    return file;
  }

  @Command(
      name = "info",
      description = "Says what a tokenizer is.",
      mixinStandardHelpOptions = true)
  int info(
      @Parameters(
              paramLabel = "FILE",
              description = "A tokenizer.json, or the folder of a model or run with one.")
          Path file)
      throws IOException {
    Tokenizer tokenizer = tokenizer(file);
    TokenizerReport.print(out(), tokenizerFile(file), tokenizer);
    return 0;
  }

  @Command(
      name = "encode",
      description = "Prints the ids of texts: an array of arrays.",
      mixinStandardHelpOptions = true)
  int encode(
      @Parameters(paramLabel = "FILE", description = "A tokenizer.json, or a model's folder.")
          Path file,
      @Option(
              names = "--texts",
              required = true,
              paramLabel = "T.json",
              description = "A JSON file, or - for standard input: an array of texts.")
          Path texts,
      @Option(names = "--plain", description = "Without special tokens round the texts.")
          boolean plain)
      throws IOException {
    Tokenizer tokenizer = tokenizer(file);
    List<List<Integer>> rows = new ArrayList<>();
    for (Object each : list(texts)) {
      if (!(each instanceof String text)) {
        throw new UsageException(texts + " must be an array of texts, but has " + each + " in it");
      }
      int[] ids = plain ? tokenizer.encode(text) : tokenizer.encodePrompt(text);
      rows.add(Arrays.stream(ids).boxed().toList());
    }
    out().println(JSON.std.asString(rows));
    return 0;
  }

  @Command(
      name = "decode",
      description = "Prints the texts of ids: an array of texts.",
      mixinStandardHelpOptions = true)
  int decode(
      @Parameters(paramLabel = "FILE", description = "A tokenizer.json, or a model's folder.")
          Path file,
      @Option(
              names = "--ids",
              required = true,
              paramLabel = "I.json",
              description =
                  "A JSON file, or - for standard input: an array of arrays of token ids.")
          Path ids,
      @Option(names = "--skip-special", description = "Leaves special tokens out.")
          boolean skipSpecial)
      throws IOException {
    Tokenizer tokenizer = tokenizer(file);
    List<String> texts = new ArrayList<>();
    for (int[] row : TokenIds.rows(ids.toString(), read(ids))) {
      try {
        texts.add(tokenizer.decode(row, skipSpecial));
      } catch (IllegalArgumentException e) {
        throw new UsageException(ids + ": " + e.getMessage());
      }
    }
    out().println(JSON.std.asString(texts));
    return 0;
  }

  @Command(
      name = "chat",
      description = "Prints what a chat template makes of a conversation, and nothing else.",
      mixinStandardHelpOptions = true)
  int chat(
      @Parameters(
              paramLabel = "FILE-OR-MODEL",
              description =
                  "A tokenizer.json, or a model's folder, beside which the template lies.")
          Path file,
      @Option(
              names = "--template",
              paramLabel = "T.jinja",
              description = "The template (default: the model's own).")
          @Nullable Path template,
      @Option(
              names = "--messages",
              required = true,
              paramLabel = "M.json",
              description =
                  "A JSON file, or - for standard input: an array of objects with role and"
                      + " content.")
          Path messages,
      @Option(
              names = "--tools",
              paramLabel = "T.json",
              description =
                  "A JSON file, or - for standard input: an array of tools that the assistant may"
                      + " call.")
          @Nullable Path tools,
      @Option(
              names = "--generation-prompt",
              description = "The text ends where the assistant begins to speak.")
          boolean generationPrompt)
      throws IOException {
    try {
      String text =
          ChatFiles.template(existing(file), template)
              .render(list(messages), tools == null ? List.of() : list(tools), generationPrompt);
      out().print(text);
      out().flush();
      return 0;
    } catch (ChatTemplateException e) {
      throw new IOException("the chat template fails: " + e.getMessage(), e);
    }
  }

  private static List<?> list(Path file) throws IOException {
    try {
      if (JsonText.parse(read(file)) instanceof List<?> list) {
        return list;
      }
      throw new UsageException(file + " must be a JSON array");
    } catch (NotJsonException e) {
      throw new UsageException(file + " is " + e.getMessage());
    }
  }

  private static String read(Path file) throws IOException {
    try {
      return file.toString().equals("-")
          ? new String(System.in.readAllBytes(), StandardCharsets.UTF_8)
          : Files.readString(existing(file));
    } catch (MalformedInputException e) {
      throw new UsageException(file + " is not UTF-8");
    }
  }
}
