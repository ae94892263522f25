package dev.hydra.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.Map;

/** Prints results for programs. */
final class Json {
  private Json() {}

  /** One object on one line. */
  static String line(Map<String, ?> object) throws IOException {
    return JSON.std.with(JSON.Feature.WRITE_NULL_PROPERTIES).asString(object);
  }
}
