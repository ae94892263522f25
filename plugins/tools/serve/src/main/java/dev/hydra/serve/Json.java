package dev.hydra.serve;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads and writes JSON. */
final class Json {
  private static final JsonFactory FACTORY = new JsonFactory();
  private static final JSON WRITER = JSON.std.with(JSON.Feature.WRITE_NULL_PROPERTIES);

  private Json() {}

  /**
   * Reads one object.
   *
   * @throws ApiException if that is not what the text is
   */
  @SuppressWarnings("unchecked") // names are strings in JSON
  static Map<String, @Nullable Object> object(byte[] text) {
    try (JsonParser parser = FACTORY.createParser(text)) {
      Object value = JSON.std.anyFrom(parser);
      if (parser.nextToken() != null) {
        throw ApiException.request("the body has more than one JSON value");
      }
      if (value instanceof Map<?, ?> map) {
        return (Map<String, @Nullable Object>) map;
      }
      throw ApiException.request("the body must be a JSON object");
    } catch (JsonProcessingException e) {
      throw ApiException.request("the body is not JSON: " + problem(e));
    } catch (IOException e) {
      throw ApiException.request("the body is not JSON in UTF-8");
    }
  }

  /** What is wrong, and where, without the library's name for the body. */
  private static String problem(JsonProcessingException e) {
    JsonLocation place = e.getLocation();
    String where =
        place == null
            ? ""
            : " (line " + place.getLineNr() + ", column " + place.getColumnNr() + ")";
    return e.getOriginalMessage().replaceAll("\\s*\\([^()]*\\[Source:.*", "") + where;
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
