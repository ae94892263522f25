package dev.hydra.serve;

import java.net.UnknownHostException;
import java.util.Optional;

/** Who may ask: whoever has the key, or, where there is none, programs of this machine. */
final class Access {
  private final Optional<String> key;
  private final AccessRules rules;

  /**
   * Creates the rules of a server.
   *
   * @throws IllegalArgumentException if the address is not a loopback one and there is no key
   */
  Access(ServerSettings settings) throws UnknownHostException {
    key = settings.key();
    rules = new AccessRules(settings.host(), key);
  }

  /** Throws what tells the client that it may not ask. */
  void check(Call call) {
    if (key.isPresent()) {
      if (!AccessRules.shows(key.get(), call.header("Authorization"))) {
        throw new ApiException(
            401,
            "invalid_request_error",
            "this server wants its key: Authorization: Bearer KEY",
            null,
            "invalid_api_key");
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
}
