package dev.hydra.cli;

import dev.hydra.api.ConfigException;
import dev.hydra.cli.common.UsageException;
import dev.hydra.composer.model.ComponentException;
import dev.hydra.inference.NotFiniteException;
import dev.hydra.libtorch.runtime.LibTorchException;
import dev.hydra.libtorch.runtime.OutOfMemory;
import dev.hydra.trainer.run.TrainingException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Says what went wrong: one message for mistakes and mishaps that users can mend, a stack trace for
 * our own.
 */
final class ExceptionHandler implements CommandLine.IExecutionExceptionHandler {
  /** Lines of the native stack trace in a message of LibTorch. */
  private static final Pattern NATIVE = Pattern.compile("^(Exception raised from |frame #\\d+: )");

  /** The values of an enum, in a message of picocli. */
  private static final Pattern VALUES =
      Pattern.compile("(?<=expected one of )\\[[^\\]]*](?= \\(case-insensitive\\))");

  private static final String SET = "--set";

  /** The number of causes that are followed: they may go round in circles. */
  private static final int CAUSES = 20;

  /** Says what is wrong with arguments, and where to read on. */
  static int misused(CommandLine.ParameterException thrown, String[] arguments) {
    CommandLine line = thrown.getCommandLine();
    line.getErr().println("hydra: " + namedAsInHelp(thrown));
    if (thrown instanceof CommandLine.UnmatchedArgumentException unmatched) {
      String first = unmatched.getUnmatched().get(0);
      Optional<String> meant = Hints.of(line.getCommandSpec(), first, List.of(arguments));
      if (meant.isPresent()) {
        line.getErr().println("Did you mean: " + meant.get());
      } else {
        CommandLine.UnmatchedArgumentException.printSuggestions(thrown, line.getErr());
      }
    }
    line.getErr().println("Try '" + line.getCommandSpec().qualifiedName() + " --help'.");
    return ExitCode.USAGE;
  }

  /**
   * The message, which picocli writes with the longest name of an option, not with the first, and
   * with the values that there are as Java names them.
   */
  private static String namedAsInHelp(CommandLine.ParameterException thrown) {
    List<ArgSpec> arguments = new ArrayList<>();
    if (thrown.getArgSpec() != null) {
      arguments.add(thrown.getArgSpec());
    }
    if (thrown instanceof CommandLine.MissingParameterException missing) {
      arguments.addAll(missing.getMissing());
    }
    String message = String.valueOf(thrown.getMessage());
    for (ArgSpec each : arguments) {
      if (each instanceof OptionSpec option) {
        String first =
            Arrays.stream(option.names())
                .filter(name -> name.startsWith("--"))
                .findFirst()
                .orElse(option.longestName());
        message = message.replace("'" + option.longestName(), "'" + first);
      }
    }
    return VALUES
        .matcher(message)
        .replaceAll(values -> Matcher.quoteReplacement(values.group().toLowerCase(Locale.ROOT)));
  }

  @Override
  public int handleExecutionException(
      Exception thrown, CommandLine line, CommandLine.ParseResult result) {
    if (thrown instanceof ConfigException || thrown instanceof UsageException) {
      line.getErr().println("hydra: " + thrown.getMessage() + overrides(thrown, line));
      return ExitCode.USAGE;
    }
    if (thrown instanceof FileSystemException file && file.getReason() == null) {
      line.getErr().println("hydra: " + file.getFile() + " " + problem(file));
      return ExitCode.SOFTWARE;
    }
    if (thrown instanceof IOException
        || thrown instanceof TrainingException
        || thrown instanceof NotFiniteException) {
      line.getErr().println("hydra: " + thrown.getMessage());
      return ExitCode.SOFTWARE;
    }
    Optional<OutOfMemory> memory = OutOfMemory.in(thrown);
    if (memory.isPresent()) {
      line.getErr().println("hydra: " + memory.get().text() + "." + remedy(memory.get(), line));
      return ExitCode.SOFTWARE;
    }
    boolean ofComponent = causes(thrown).anyMatch(ComponentException.class::isInstance);
    String trace = ErrorLog.trace(thrown);
    line.getErr().println("hydra: failed: " + LibTorchException.readable(thrown));
    if (!ofComponent) {
      line.getErr().println("Where it happened:");
      trace.lines().filter(each -> !NATIVE.matcher(each).find()).forEach(line.getErr()::println);
    }
    if (ofComponent || LibTorchException.hasNativeTrace(trace)) {
      Path folder = line.getCommand() instanceof ErrorLog.Folder own ? own.errors() : null;
      ErrorLog.write(folder, thrown)
          .ifPresent(file -> line.getErr().println("Every stack frame is in " + file));
    }
    return ExitCode.SOFTWARE;
  }

  /**
   * The overrides of a configuration with a setting that does not fit another: the file may be in
   * order without them. Empty where none is given, or the mistake is said to be in one.
   */
  private static String overrides(Exception thrown, CommandLine line) {
    boolean ofFile =
        causes(thrown)
            .filter(ConfigException.class::isInstance)
            .map(ConfigException.class::cast)
            .filter(mistake -> !mistake.alone())
            .flatMap(mistake -> mistake.origin().stream())
            .anyMatch(origin -> !origin.description().contains(SET + " "));
    List<String> given = line.getParseResult().matchedOptionValue(SET, List.of());
    return ofFile && !given.isEmpty()
        ? " (with " + SET + " " + String.join(" " + SET + " ", given) + ")"
        : "";
  }

  private static String remedy(OutOfMemory refused, CommandLine line) {
    if (refused.kind() == OutOfMemory.Kind.HEAP) {
      return ""; // its text has one
    }
    return line.getCommand() instanceof LessMemory command
        ? " " + command.lessMemory(refused)
        : " " + LessMemory.any(refused);
  }

  private static Stream<Throwable> causes(Throwable thrown) {
    return Stream.<Throwable>iterate(thrown, Objects::nonNull, Throwable::getCause).limit(CAUSES);
  }

  /** What such an exception says by its type alone. */
  private static String problem(FileSystemException file) {
    if (file instanceof NoSuchFileException) {
      return "is not there, or a folder above it";
    }
    if (file instanceof FileAlreadyExistsException) {
      return "is there already";
    }
    if (file instanceof AccessDeniedException) {
      return "may not be read or written";
    }
    return "cannot be used: " + file.getClass().getSimpleName();
  }
}
