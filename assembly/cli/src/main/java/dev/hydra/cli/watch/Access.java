package dev.hydra.cli.watch;

import dev.hydra.cli.common.UsageException;
import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who may look and who may change. On a loopback address without a key whoever is on this machine
 * may look, but pages of other sites in a browser of this machine may not, not even under a name of
 * their own that leads here (DNS rebinding). To change a run always takes the key: the one that was
 * given, or one that is made up and told to who started the server.
 */
final class Access {
  private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]", "::1");
  private static final String BEARER = "Bearer ";
  private static final int KEY_BYTES = 16;

  private final boolean open;
  private final String host;
  private final String key;

  /**
   * Creates the rules of a server.
   *
   * @throws UsageException if others can reach the address and there is no key
   */
  Access(WatchSettings settings) throws UnknownHostException {
    open = settings.key().isEmpty();
    host = settings.host().toLowerCase(Locale.ROOT);
    if (open && !InetAddress.getByName(settings.host()).isLoopbackAddress()) {
      throw new UsageException(
          "at "
              + settings.host()
              + " others can reach the page: give a key (--api-key or HYDRA_API_KEY), or serve at"
              + " 127.0.0.1");
    }
    if (settings.key().filter(String::isBlank).isPresent()) {
      throw new UsageException("the key is blank");
    }
    key = settings.key().orElseGet(Access::random);
  }

  private static String random() {
    byte[] bytes = new byte[KEY_BYTES];
    new SecureRandom().nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /** Returns the key that changes take. */
  String key() {
    return key;
  }

  /** Throws what tells a client that it may not look. */
  void look(Request request) {
    if (!open) {
      change(request);
    } else if (!local(name(request.header("Host").orElse(host)))
        || !request.header("Origin").map(Access::origin).map(this::local).orElse(true)) {
      throw new HttpProblem(
          403, "without a key only programs of this machine may ask, under the name localhost");
    }
  }

  /** Throws what tells a client that it may not change anything. */
  void change(Request request) {
    String given =
        request
            .header("Authorization")
            .filter(value -> value.startsWith(BEARER))
            .map(value -> value.substring(BEARER.length()))
            .orElse("");
    if (!MessageDigest.isEqual(bytes(key), bytes(given))) {
      throw new HttpProblem(401, "this takes the key: Authorization: Bearer KEY");
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private boolean local(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return LOOPBACK.contains(lower) || lower.equals(host);
  }

  /** Returns the name in {@code NAME:PORT}. */
  private static String name(String hostAndPort) {
    int colon = hostAndPort.lastIndexOf(':');
    return colon > hostAndPort.lastIndexOf(']') ? hostAndPort.substring(0, colon) : hostAndPort;
  }

  private static String origin(String origin) {
    try {
      @Nullable String named = new URI(origin).getHost();
      return named == null ? origin : named;
    } catch (URISyntaxException e) {
      return origin; // such as null, of a page from a file
    }
  }
}
