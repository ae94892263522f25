package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where a command serves over HTTP. */
final class ListenArguments {
  private static final String KEY_VARIABLE = "HYDRA_API_KEY";
  private static final int LAST_PORT = 65535;

  @Option(
      names = "--host",
      paramLabel = "HOST",
      description =
          "The address to serve at (default: ${DEFAULT-VALUE}); one that others can reach wants a"
              + " key.")
  private String host = "127.0.0.1";

  @Option(
      names = "--port",
      paramLabel = "PORT",
      description = "The port; 0 takes a free one (default: ${DEFAULT-VALUE}).")
  private int port;

  /** Creates the arguments of a command that has a usual port. */
  ListenArguments(int usualPort) {
    port = usualPort;
  }

  String host() {
    return host;
  }

  int port() {
    if (port < 0 || port > LAST_PORT) {
      throw new UsageException("--port is " + port + ", but must be between 0 and " + LAST_PORT);
    }
    return port;
  }

  /** Returns the key that clients must show: the one given, or that of the environment. */
  static Optional<String> key(@Nullable String given) {
    return Optional.ofNullable(given).or(() -> Optional.ofNullable(System.getenv(KEY_VARIABLE)));
  }
}
