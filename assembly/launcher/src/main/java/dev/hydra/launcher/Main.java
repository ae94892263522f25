package dev.hydra.launcher;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** The entry point of {@code bin/hydra}. */
public final class Main {
  private Main() {}

  /**
   * Starts the host and runs the command line in it.
   *
   * <p>System properties: {@code hydra.home} is the folder of the installation; {@code
   * hydra.plugins.extra} is a further folder of plugins, optional.
   */
  @SuppressWarnings("CatchAndPrintStackTrace") // nobody is left to rethrow to
  public static void main(String[] arguments) {
    int exitCode = 1;
    try {
      exitCode = run(arguments);
    } catch (StartException e) {
      warn("cannot start: " + e.getMessage());
    } catch (Throwable e) {
      e.printStackTrace();
    } finally {
      // The framework's threads are not daemons: without this the process would go on.
      System.exit(exitCode);
    }
  }

  private static int run(String[] arguments) {
    String home = System.getProperty("hydra.home");
    if (home == null) {
      throw new StartException("the system property hydra.home is not set; start bin/hydra");
    }
    Optional<Path> extra =
        Optional.ofNullable(System.getProperty("hydra.plugins.extra")).map(Path::of);
    try (Host host = start(Path.of(home), extra)) {
      return host.commandLine().run(arguments);
    }
  }

  private static Host start(Path home, Optional<Path> extra) {
    try {
      return Host.start(home, extra, Main::warn);
    } catch (IOException e) {
      throw new StartException("cannot read the installation or its plugins: " + e, e);
    } catch (NoClassDefFoundError e) {
      throw new StartException(
          "the installation in " + home + " is incomplete: " + e.getMessage() + " is missing", e);
    }
  }

  private static void warn(String message) {
    System.err.println("hydra: " + message);
  }
}
