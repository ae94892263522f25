package dev.hydra.serve;

import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Who may ask: whoever has the key, or, where there is none, programs of this machine. Pages of
 * other sites that a browser on this machine shows may not, not even under a name of their own that
 * leads here (DNS rebinding).
 */
final class Access {
  private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]", "::1");
  private static final String BEARER = "Bearer ";

  private final Optional<String> key;
  private final String host;

  /**
   * Creates the rules of a server.
   *
   * @throws IllegalArgumentException if the address is not a loopback one and there is no key
   */
  Access(ServerSettings settings) throws UnknownHostException {
    this.key = settings.key();
    this.host = settings.host().toLowerCase(Locale.ROOT);
    boolean loopback = InetAddress.getByName(settings.host()).isLoopbackAddress();
    if (!loopback && key.isEmpty()) {
      throw new IllegalArgumentException(
          "at "
              + settings.host()
              + " others can reach the server: give a key (--api-key or HYDRA_API_KEY), or serve at"
              + " 127.0.0.1");
    }
    if (key.isPresent() && key.get().isBlank()) {
      throw new IllegalArgumentException("the key is blank");
    }
  }

  /** Throws what tells the client that it may not ask. */
  void check(Call call) {
    if (key.isPresent()) {
      byte[] given =
          call.header("Authorization")
              .filter(value -> value.startsWith(BEARER))
              .map(value -> value.substring(BEARER.length()))
              .orElse("")
              .getBytes(StandardCharsets.UTF_8);
      if (!MessageDigest.isEqual(key.get().getBytes(StandardCharsets.UTF_8), given)) {
        throw new ApiException(
            401,
            "invalid_request_error",
            "this server wants its key: Authorization: Bearer KEY",
            null,
            "invalid_api_key");
      }
      return;
    }
    if (!local(name(call.header("Host").orElse(host)))
        || !call.header("Origin").map(origin -> local(origin(origin))).orElse(true)) {
      throw new ApiException(
          403,
          "invalid_request_error",
          "without a key only programs of this machine may ask, under the name localhost",
          null,
          null);
    }
  }

  private boolean local(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return LOOPBACK.contains(lower) || lower.equals(host);
  }

  /** The name in {@code NAME:PORT}. */
  private static String name(String hostAndPort) {
    int colon = hostAndPort.lastIndexOf(':');
    return colon > hostAndPort.lastIndexOf(']') ? hostAndPort.substring(0, colon) : hostAndPort;
  }

  private static String origin(String origin) {
    try {
      return String.valueOf(new URI(origin).getHost());
    } catch (URISyntaxException e) {
      return origin; // such as null, of a page from a file
    }
  }
}
