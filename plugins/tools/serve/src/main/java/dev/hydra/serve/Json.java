package dev.hydra.serve;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.io.NotJsonException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads and writes JSON. */
final class Json {
  private static final JSON WRITER = JSON.std.with(JSON.Feature.WRITE_NULL_PROPERTIES);

  private Json() {}

  /**
   * Reads one object.
   *
   * @throws ApiException if that is not what the text is
   */
  @SuppressWarnings("unchecked") // names are strings in JSON
  static Map<String, @Nullable Object> object(byte[] text) {
    try {
      if (JsonText.parse(text) instanceof Map<?, ?> map) {
        return (Map<String, @Nullable Object>) map;
      }
      throw ApiException.request("the body must be a JSON object");
    } catch (NotJsonException e) {
      throw ApiException.request("the body is " + e.getMessage());
    }
  }

  /** Writes a value. */
  static String text(Object value) {
    try {
      return WRITER.asString(value);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes a value in UTF-8. */
  static byte[] bytes(Object value) {
    return text(value).getBytes(StandardCharsets.UTF_8);
  }
}
