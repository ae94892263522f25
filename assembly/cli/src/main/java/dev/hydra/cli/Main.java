package dev.hydra.cli;

import dev.hydra.api.PluginRegistry;
import dev.hydra.cli.plugins.FixedPlugins;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
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
    CommandLine line = commandLine(commands);
    line.setOut(new PrintWriter(System.out, true, StandardCharsets.UTF_8));
    line.setErr(new PrintWriter(System.err, true, StandardCharsets.UTF_8));
    return line.execute(arguments);
  }

  /** Makes the command line; whoever runs it says where it writes to. */
  static CommandLine commandLine(Commands commands) {
    Locale.setDefault(Locale.ROOT); // the same figures and names everywhere
    CommandLine line = new CommandLine(new HydraCommand(), commands);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setExpandAtFiles(false); // a prompt may begin with @
    line.setExecutionStrategy(new OutputCheck(line.getExecutionStrategy()));
    line.setExecutionExceptionHandler(new ExceptionHandler());
    line.setParameterExceptionHandler(ExceptionHandler::misused);
    return line;
  }
}
