package dev.hydra.tokenizer.hf;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Names places of a JSON file, such as {@code model.vocab."a b"}, and what stands there. */
final class Places {
  private static final int SHOWN = 60;

  private Places() {}

  /** Uses an object of a file. */
  interface Use {
    /** Is given the place of the object, and the object. */
    void object(String place, Map<?, ?> object) throws IOException;
  }

  /** Visits a value and all that is in it, and uses each object. */
  static void each(String place, @Nullable Object value, Use use) throws IOException {
    if (value instanceof Map<?, ?> object) {
      use.object(place, object);
      for (Map.Entry<?, ?> entry : object.entrySet()) {
        each(place + "." + entry.getKey(), entry.getValue(), use);
      }
    } else if (value instanceof List<?> list) {
      for (int i = 0; i < list.size(); i++) {
        each(place + "[" + i + "]", list.get(i), use);
      }
    }
  }

  /** Returns a text as JSON writes it. */
  static String quoted(String text) {
    try {
      return JSON.std.asString(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // to a text nothing can fail
    }
  }

  /** Returns a value for a message. */
  static String shown(@Nullable Object value) {
    if (value instanceof Map<?, ?>) {
      return "an object";
    } else if (value instanceof List<?>) {
      return "an array";
    }
    String text = value instanceof String string ? quoted(string) : String.valueOf(value);
    return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...";
  }
}
