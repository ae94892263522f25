package dev.hydra.serve;

import java.time.Duration;
import java.util.Optional;

/**
 * The settings of a server.
 *
 * @param host the address to bind to
 * @param port the port; 0 for a free one
 * @param key what clients must show; none only on a loopback address
 * @param ownersKey what they must show to change models; none: nobody may
 * @param bodyBytes the most bytes of a request
 * @param slowest how long a request may take to arrive
 * @param grace how long answers may go on when the server is stopped
 * @param unread how long a client may leave unread what it is sent
 */
public record ServerSettings(
    String host,
    int port,
    Optional<String> key,
    Optional<String> ownersKey,
    int bodyBytes,
    Duration slowest,
    Duration grace,
    Duration unread) {
  /** The usual settings, on a loopback address. */
  public static final ServerSettings LOCAL =
      new ServerSettings(
          "127.0.0.1",
          8000,
          Optional.empty(),
          Optional.empty(),
          16 << 20,
          Duration.ofSeconds(30),
          Duration.ofSeconds(10),
          SendTimeout.USUAL);

  /** Returns the same settings on another port. */
  public ServerSettings withPort(int newPort) {
    return new ServerSettings(host, newPort, key, ownersKey, bodyBytes, slowest, grace, unread);
  }

  /** Returns the same settings with a key of the owner. */
  public ServerSettings withOwnersKey(String newKey) {
    return new ServerSettings(
        host, port, key, Optional.of(newKey), bodyBytes, slowest, grace, unread);
  }

  /** Returns the same settings with a key. */
  public ServerSettings withKey(String newKey) {
    return new ServerSettings(
        host, port, Optional.of(newKey), ownersKey, bodyBytes, slowest, grace, unread);
  }
}
