package dev.hydra.libtorch.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Parses the JSON of a header: an object with an entry for each tensor ({@code dtype}, {@code
 * shape}, {@code data_offsets}) and optionally one of texts. Anything else is refused. The sizes
 * that it finds are checked by {@link Layout}, not here.
 */
final class HeaderParser implements AutoCloseable {
  private static final JsonFactory JSON = new JsonFactory();

  private final JsonParser json;
  private Optional<Map<String, String>> metadata = Optional.empty();
  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();

  private HeaderParser(String text) throws IOException {
    json = JSON.createParser(text);
  }

  /** Parses the bytes of a header, UTF-8. */
  static Header parse(ByteBuffer bytes) throws MalformedHeaderException {
    String text = utf8(bytes);
    try (HeaderParser parser = new HeaderParser(text)) {
      return parser.header();
    } catch (JsonProcessingException e) {
      throw new MalformedHeaderException(
          ("the header's JSON is wrong after %d of its %d characters: the file is"
                  + " damaged, or not one of safetensors; fetch or write it again")
              .formatted(e.getLocation().getCharOffset(), text.length()),
          e);
    } catch (IOException e) {
      throw new MalformedHeaderException("the header cannot be read", e);
    }
  }

  private static String utf8(ByteBuffer bytes) throws MalformedHeaderException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      throw new MalformedHeaderException("the header is not UTF-8", e);
    }
  }

  private Header header() throws IOException, MalformedHeaderException {
    require(json.nextToken() == JsonToken.START_OBJECT, "the header is not a JSON object");
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String name = json.currentName();
      json.nextToken();
      if (name.equals(Header.METADATA)) {
        require(metadata.isEmpty(), twice("the header: ", name));
        metadata = Optional.of(texts());
      } else {
        require(tensors.put(name, tensor(name)) == null, twice("the header: ", name));
      }
    }
    require(json.nextToken() == null, "there is more after the header's JSON object");
    return new Header(metadata.orElse(Map.of()), List.copyOf(tensors.values()));
  }

  private Map<String, String> texts() throws IOException, MalformedHeaderException {
    if (json.currentToken() == JsonToken.VALUE_NULL) {
      return Map.of(); // some writers leave it so where there is nothing to say
    }
    require(json.currentToken() == JsonToken.START_OBJECT, Header.METADATA + " is not an object");
    Map<String, String> texts = new LinkedHashMap<>();
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = json.currentName();
      require(
          json.nextToken() == JsonToken.VALUE_STRING,
          Header.METADATA + "." + key + " is not a text");
      require(texts.put(key, json.getText()) == null, twice(Header.METADATA + ": ", key));
    }
    return Collections.unmodifiableMap(texts);
  }

  private TensorInfo tensor(String name) throws IOException, MalformedHeaderException {
    String at = "tensor \"" + name + "\": ";
    require(json.currentToken() == JsonToken.START_OBJECT, at + "its entry is not an object");
    Set<String> fields = new HashSet<>();
    Optional<DType> dtype = Optional.empty();
    Optional<List<Long>> shape = Optional.empty();
    Optional<List<Long>> offsets = Optional.empty();
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String field = json.currentName();
      require(fields.add(field), twice(at, field));
      json.nextToken();
      switch (field) {
        case "dtype" -> dtype = Optional.of(dtype(at));
        case "shape" -> shape = Optional.of(numbers(at + "shape"));
        case "data_offsets" -> offsets = Optional.of(numbers(at + "data_offsets"));
        default -> throw new MalformedHeaderException(at + "unknown field \"" + field + "\"");
      }
    }
    List<Long> range = present(offsets, at + "data_offsets is missing");
    require(range.size() == 2, at + "data_offsets has " + range.size() + " numbers, not 2");
    return new TensorInfo(
        name,
        present(dtype, at + "dtype is missing"),
        present(shape, at + "shape is missing"),
        range.get(0),
        range.get(1));
  }

  private DType dtype(String at) throws IOException, MalformedHeaderException {
    require(json.currentToken() == JsonToken.VALUE_STRING, at + "dtype is not a text");
    String text = json.getText();
    return present(
        DType.named(text),
        at + "unknown dtype \"" + text + "\". Known: " + Arrays.toString(DType.values()));
  }

  private List<Long> numbers(String at) throws IOException, MalformedHeaderException {
    require(json.currentToken() == JsonToken.START_ARRAY, at + " is not a list");
    List<Long> numbers = new ArrayList<>();
    while (json.nextToken() != JsonToken.END_ARRAY) {
      require(json.currentToken() == JsonToken.VALUE_NUMBER_INT, at + " holds no whole numbers");
      require(
          json.getNumberType() != JsonParser.NumberType.BIG_INTEGER,
          at + " holds " + json.getText() + ", which is too large");
      long number = json.getLongValue();
      require(number >= 0, at + " holds the negative number " + number);
      numbers.add(number);
    }
    return numbers;
  }

  private static String twice(String at, String name) {
    return at + "it names \"" + name + "\" twice";
  }

  private static void require(boolean condition, String problem) throws MalformedHeaderException {
    if (!condition) {
      throw new MalformedHeaderException(problem);
    }
  }

  private static <T> T present(Optional<T> value, String problem) throws MalformedHeaderException {
    return value.orElseThrow(() -> new MalformedHeaderException(problem));
  }

  @Override
  public void close() throws IOException {
    json.close();
  }
}
