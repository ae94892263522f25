package dev.hydra.libtorch.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads JSON of users, and says what is wrong with it. */
public final class JsonText {
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).build())
          .build();

  /** What the library says of its settings, and what is said instead. */
  private static final Map<Pattern, String> PLAIN =
      Map.of(
          Pattern.compile("Non-standard token '([^']*)'.*"),
          "$1 is not JSON",
          Pattern.compile("Document nesting depth .*allowed \\((\\d+).*"),
          "nested deeper than $1 levels",
          Pattern.compile("Duplicate key \\(key '(.*)'\\)", Pattern.DOTALL),
          "the name \"$1\" comes twice in an object",
          Pattern.compile("No content to map due to end-of-input"),
          "there is nothing in it",
          Pattern.compile(", from `[^`]*`"),
          "",
          Pattern.compile(": enable `[^`]*` to allow"),
          "",
          Pattern.compile(" \\(not recognized as one since Feature [^)]*\\)"),
          "");

  private JsonText() {}

  /** Reads one value, see {@link #parse(byte[])}. */
  public static @Nullable Object parse(String text) throws NotJsonException {
    return parse(text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Reads one value, with nothing after it.
   *
   * @param utf8 the text
   * @return a map, a list, a text, a number, true, false or null
   * @throws NotJsonException if it is something else, or a text in it has half a character (a
   *     surrogate by itself), which UTF-8 cannot hold
   */
  public static @Nullable Object parse(byte[] utf8) throws NotJsonException {
    try (JsonParser parser = FACTORY.createParser(utf8)) {
      Object value = JSON.std.anyFrom(parser);
      if (parser.nextToken() != null) {
        throw new NotJsonException("more than one JSON value: there is more after its end");
      }
      Optional<String> half = mayHoldHalf(utf8) ? halfCharacter(value) : Optional.empty();
      if (half.isPresent()) {
        throw new NotJsonException(
            "no JSON in UTF-8: a text in it has "
                + half.get()
                + ", one half of a character without the other");
      }
      return value;
    } catch (JsonProcessingException e) {
      throw new NotJsonException("not JSON: " + problem(e), e);
    } catch (NotJsonException e) {
      throw e;
    } catch (IOException e) {
      throw new NotJsonException("not JSON in UTF-8", e);
    }
  }

  /**
   * Reads one object.
   *
   * @throws NotJsonException as {@link #parse(byte[])}, and for another value, such as null
   */
  public static Map<String, @Nullable Object> object(String text) throws NotJsonException {
    return object(text.getBytes(StandardCharsets.UTF_8));
  }

  @SuppressWarnings("unchecked") // names are strings in JSON
  private static Map<String, @Nullable Object> object(byte[] utf8) throws NotJsonException {
    if (parse(utf8) instanceof Map<?, ?> map) {
      return (Map<String, @Nullable Object>) map;
    }
    throw new NotJsonException("not a JSON object");
  }

  /**
   * Reads a file that holds one object.
   *
   * @throws NotJsonException if it holds something else; the message begins with the file
   * @throws IOException if it cannot be read
   */
  public static Map<String, @Nullable Object> object(Path file) throws IOException {
    try {
      return object(Files.readAllBytes(file));
    } catch (NotJsonException e) {
      throw new NotJsonException(
          file + " is " + e.getMessage() + "; mend it, or fetch or write it again", e);
    }
  }

  /** What is wrong, and where, without the library's names for the text and for its settings. */
  private static String problem(JsonProcessingException e) {
    JsonLocation place = e.getLocation();
    String where =
        place == null
            ? ""
            : " (line " + place.getLineNr() + ", column " + place.getColumnNr() + ")";
    String message = e.getOriginalMessage().replaceAll("\\s*\\([^()]*\\[Source:.*", "");
    for (Map.Entry<Pattern, String> each : PLAIN.entrySet()) {
      message = each.getKey().matcher(message).replaceAll(each.getValue());
    }
    return message + where;
  }

  /** Half a character is an escape, or three bytes that the parser takes, from ED A0 to ED BF. */
  private static boolean mayHoldHalf(byte[] utf8) {
    for (int i = 0; i + 1 < utf8.length; i++) {
      boolean escape = utf8[i] == '\\' && utf8[i + 1] == 'u';
      boolean bytes = utf8[i] == (byte) 0xed && (utf8[i + 1] & 0xff) >= 0xa0;
      if (escape || bytes) {
        return true;
      }
    }
    return false;
  }

  private static Optional<String> halfCharacter(@Nullable Object value) {
    if (value instanceof Map<?, ?> map) {
      return map.entrySet().stream()
          .flatMap(
              entry ->
                  halfCharacter(entry.getKey()).or(() -> halfCharacter(entry.getValue())).stream())
          .findFirst();
    }
    if (value instanceof List<?> list) {
      return list.stream().flatMap(each -> halfCharacter(each).stream()).findFirst();
    }
    return value instanceof String text
        ? text.codePoints()
            .filter(point -> point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE)
            .mapToObj("\\u%04x"::formatted)
            .findFirst()
        : Optional.empty();
  }
}
