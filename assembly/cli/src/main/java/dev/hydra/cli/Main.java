package dev.hydra.cli;

import dev.hydra.api.PluginRegistry;
import dev.hydra.cli.plugins.FixedPlugins;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine;

/** The command line without OSGi, with the plugins on the class path or module path. */
public final class Main {
  private Main() {}

  /** Runs a command and exits with its code. */
  public static void main(String[] arguments) {
    PluginRegistry plugins =
        PluginRegistry.load(
            Main.class.getClassLoader(), warning -> System.err.println("hydra: " + warning));
    System.exit(run(new Commands(new FixedPlugins(plugins), NativeFiles.unchecked()), arguments));
  }

  /** Runs a command; gives the exit code. */
  static int run(Commands commands, String... arguments) {
    // System.out would keep a failure to itself
    Writer out =
        new OutputStreamWriter(
            new BufferedOutputStream(new FileOutputStream(FileDescriptor.out)),
            StandardCharsets.UTF_8);
    CommandLine line = commandLine(commands, out, arguments);
    line.setErr(new PrintWriter(System.err, true, StandardCharsets.UTF_8));
    return line.execute(arguments);
  }

  /** Makes the command line for some arguments, which prints to {@code out}. */
  static CommandLine commandLine(Commands commands, Writer out, String... arguments) {
    Locale.setDefault(Locale.ROOT); // the same figures and names everywhere
    CommandLine line = new CommandLine(new HydraCommand(), commands);
    for (Class<?> each : HydraCommand.meantBy(arguments)) {
      line.addSubcommand(each);
    }
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setExpandAtFiles(false); // a prompt may begin with @
    line.registerConverter(Path.class, Main::path);
    Output output = new Output(out);
    line.setOut(new PrintWriter(output, true));
    line.setExecutionStrategy(new OutputCheck(new FullHeap(line.getExecutionStrategy()), output));
    line.setExecutionExceptionHandler(new ExceptionHandler());
    line.setParameterExceptionHandler(ExceptionHandler::misused);
    return line;
  }

  /** An empty name would be the working folder, and is a variable that was not set, most likely. */
  private static Path path(String text) {
    if (text.isEmpty()) {
      throw new CommandLine.TypeConversionException("it is empty; . is the working folder");
    }
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new CommandLine.TypeConversionException(e.getMessage());
    }
  }
}
