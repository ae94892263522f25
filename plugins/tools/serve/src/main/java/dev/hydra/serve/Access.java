package dev.hydra.serve;

import java.net.UnknownHostException;
import java.util.Optional;

/**
 * Who may ask: whoever has the key, or, where there is none, programs of this machine. To change a
 * model takes the owner's key, which opens everything; clients have the other.
 */
final class Access {
  private final Optional<String> key;
  private final Optional<String> ownersKey;
  private final AccessRules rules;

  /**
   * Creates the rules of a server.
   *
   * @throws IllegalArgumentException if the address is not a loopback one and there is no key
   */
  Access(ServerSettings settings) throws UnknownHostException {
    key = settings.key();
    ownersKey = settings.ownersKey();
    rules = new AccessRules(settings.host(), key);
  }

  /** Throws what tells the client that it may not ask. */
  void check(Call call) {
    if (key.isPresent()) {
      if (!shows(key, call) && !shows(ownersKey, call)) {
        throw unknown("this server wants its key: Authorization: Bearer KEY");
      }
    } else if (!rules.fromHere(call.header("Host"), call.header("Origin"))) {
      throw new ApiException(
          403,
          "invalid_request_error",
          "without a key only programs of this machine may ask, under the name localhost",
          null,
          null);
    }
  }

  /** Throws what tells the client that it may not change anything. */
  void checkOwner(Call call) {
    if (!shows(ownersKey, call)) {
      throw unknown(
          "changes want the owner's key: Authorization: Bearer KEY, the key that the server"
              + " prints for the operator who starts it with --swap-dir");
    }
  }

  private static boolean shows(Optional<String> wanted, Call call) {
    return wanted.isPresent() && AccessRules.shows(wanted.get(), call.header("Authorization"));
  }

  private static ApiException unknown(String problem) {
    return new ApiException(401, "invalid_request_error", problem, null, "invalid_api_key");
  }
}
