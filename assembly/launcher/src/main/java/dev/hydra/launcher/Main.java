package dev.hydra.launcher;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
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
    // Before anything is read or written: some locales have digits and letters of their own, which
    // neither the framework nor plugins expect in versions and names.
    Locale.setDefault(Locale.ROOT);
    int exitCode = 1;
    try {
      refuseIllegible(arguments);
      exitCode = run(arguments);
    } catch (StartException e) {
      warn("cannot start: " + e.getMessage());
    } catch (TemporaryFolder.EndedException e) {
      // the signal has its own exit code
    } catch (Throwable e) {
      e.printStackTrace();
    } finally {
      // The framework's threads are not daemons: without this the process would go on.
      System.exit(exitCode);
    }
  }

  /** Refuses the character that Java puts where it could not read what the shell has passed on. */
  private static void refuseIllegible(String[] arguments) {
    String encoding = System.getProperty("sun.jnu.encoding", "UTF-8");
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i].indexOf('\uFFFD') >= 0 && !encoding.equalsIgnoreCase("UTF-8")) {
        throw new StartException(
            String.format(
                "argument %d is not text in %s, the encoding of your locale; set LC_ALL to a locale"
                    + " with UTF-8 that this machine has, such as C.UTF-8 (locale -a lists them)",
                i + 1, encoding));
      }
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
      Natives natives = Natives.unpack(home, Main::warn);
      return Host.start(home, extra, natives, Main::warn);
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
