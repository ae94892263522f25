package dev.hydra.serve;

import java.util.UUID;

/** Names of answers. */
final class Ids {
  private Ids() {}

  static String next(String prefix) {
    return prefix + UUID.randomUUID().toString().replace("-", "");
  }
}
