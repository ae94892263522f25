package dev.hydra.cli;

import dev.hydra.cli.plugins.FixedPlugins;
import dev.hydra.composer.Components;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import picocli.CommandLine;

/** The command line without OSGi, with the plugins on the class path or module path. */
public final class Main {
  private Main() {}

  /** Runs a command and exits with its code. */
  public static void main(String[] arguments) {
    Components components = Components.load(Main.class.getClassLoader());
    System.exit(
        run(
            new Commands(components, new FixedPlugins(components), NativeFiles.unchecked()),
            arguments));
  }

  /** Runs a command; gives the exit code. */
  static int run(Commands commands, String... arguments) {
    Locale.setDefault(Locale.ROOT); // the same figures and names everywhere
    CommandLine line = new CommandLine(new HydraCommand(), commands);
    line.setOut(new PrintWriter(System.out, true, StandardCharsets.UTF_8));
    line.setErr(new PrintWriter(System.err, true, StandardCharsets.UTF_8));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setExecutionExceptionHandler(new Failures());
    line.setParameterExceptionHandler(Failures::misused);
    return line.execute(arguments);
  }
}
