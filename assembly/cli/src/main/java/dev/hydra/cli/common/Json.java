package dev.hydra.cli.common;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Objects for programs. */
public final class Json {
  private Json() {}

  /** Writes one object on one line. */
  public static String line(Map<String, ?> object) throws IOException {
    return JSON.std.with(JSON.Feature.WRITE_NULL_PROPERTIES).asString(object);
  }

  /** Reads a list of an object; empty if there is none. */
  public static List<?> list(Map<String, ?> object, String key) {
    return object.get(key) instanceof List<?> list ? list : List.of();
  }

  /** Reads a number of an object; not a number if there is none. */
  public static double number(Map<String, ?> object, String key) {
    return number(object, key, Double.NaN);
  }

  /** Reads a number of an object, or another one if there is none. */
  public static double number(Map<String, ?> object, String key, double otherwise) {
    return object.get(key) instanceof Number number ? number.doubleValue() : otherwise;
  }
}
