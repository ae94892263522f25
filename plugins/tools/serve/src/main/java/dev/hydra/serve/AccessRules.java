package dev.hydra.serve;

import java.net.InetAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Tells who asks a server over HTTP: who has a key, and who is on this machine. Pages of other
 * sites that a browser on this machine shows are not, not even under a name of their own that leads
 * here (DNS rebinding).
 */
public final class AccessRules {
  private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]", "::1");
  private static final String BEARER = "Bearer ";
  private static final int KEY_BYTES = 16;

  private final String host;

  /**
   * Creates the rules of a server.
   *
   * @param host the address that it binds to
   * @param key what clients must show, if anything
   * @throws IllegalArgumentException if the address is not a loopback one and there is no key, or
   *     the key is blank
   */
  public AccessRules(String host, Optional<String> key) throws UnknownHostException {
    this.host = host.toLowerCase(Locale.ROOT);
    if (key.isEmpty() && !InetAddress.getByName(host).isLoopbackAddress()) {
      throw new IllegalArgumentException(
          "at "
              + host
              + " others can reach the server: give a key (--api-key or HYDRA_API_KEY), or serve at"
              + " 127.0.0.1");
    }
    if (key.filter(String::isBlank).isPresent()) {
      throw new IllegalArgumentException("the key is blank");
    }
  }

  /** Returns a key that nobody guesses. */
  public static String madeUpKey() {
    byte[] bytes = new byte[KEY_BYTES];
    new SecureRandom().nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /**
   * Says whether a request shows a key, in a time that does not tell how much of it is right.
   *
   * @param authorization its header of that name
   */
  public static boolean shows(String key, Optional<String> authorization) {
    String given =
        authorization
            .filter(value -> value.startsWith(BEARER))
            .map(value -> value.substring(BEARER.length()))
            .orElse("");
    return MessageDigest.isEqual(bytes(key), bytes(given));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Says whether a program of this machine asks, and not a page of another site.
   *
   * @param named the request's header {@code Host}
   * @param origin its header {@code Origin}
   */
  public boolean fromHere(Optional<String> named, Optional<String> origin) {
    return local(name(named.orElse(host)))
        && origin.map(AccessRules::site).map(this::local).orElse(true);
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

  private static String site(String origin) {
    try {
      return String.valueOf(new URI(origin).getHost());
    } catch (URISyntaxException e) {
      return origin; // such as null, of a page from a file
    }
  }
}
