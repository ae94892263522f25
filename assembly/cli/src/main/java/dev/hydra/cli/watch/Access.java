package dev.hydra.cli.watch;

import dev.hydra.cli.common.UsageException;
import dev.hydra.serve.AccessRules;
import java.net.UnknownHostException;

/**
 * Who may look and who may change. On a loopback address without a key whoever is on this machine
 * may look. To change a run always takes the key: the one that was given, or one that is made up
 * and told to who started the server.
 */
final class Access {
  private final boolean open;
  private final AccessRules rules;
  private final String key;

  /**
   * Creates the rules of a server.
   *
   * @throws UsageException if others can reach the address and there is no key
   */
  Access(WatchSettings settings) throws UnknownHostException {
    try {
      rules = new AccessRules(settings.host(), settings.key());
    } catch (IllegalArgumentException e) {
      throw new UsageException(String.valueOf(e.getMessage()));
    }
    open = settings.key().isEmpty();
    key = settings.key().orElseGet(AccessRules::madeUpKey);
  }

  /** Returns the key that changes take. */
  String key() {
    return key;
  }

  /** Throws what tells a client that it may not look. */
  void look(Request request) {
    if (!open) {
      change(request);
    } else if (!rules.fromHere(request.header("Host"), request.header("Origin"))) {
      throw new HttpProblem(
          403, "without a key only programs of this machine may ask, under the name localhost");
    }
  }

  /** Throws what tells a client that it may not change anything. */
  void change(Request request) {
    if (!AccessRules.shows(key, request.header("Authorization"))) {
      throw new HttpProblem(401, "this takes the key: Authorization: Bearer KEY");
    }
  }
}
