package dev.hydra.libtorch.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Parses the JSON of a header: an object with an entry for each tensor ({@code dtype}, {@code
 * shape}, {@code data_offsets}) and optionally one of texts. Anything else is refused. The sizes
 * that it finds are checked by {@link Layout}, not here.
 */
final class HeaderParser implements AutoCloseable {
  private static final JsonFactory JSON =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private final JsonParser json;
  private Map<String, String> metadata = Map.of();
  private final List<TensorInfo> tensors = new ArrayList<>();

  private HeaderParser(String text) throws IOException {
    json = JSON.createParser(text);
  }

  /** Parses the bytes of a header, UTF-8. */
  static Header parse(ByteBuffer bytes) throws MalformedHeaderException {
    try (HeaderParser parser = new HeaderParser(utf8(bytes))) {
      return parser.header();
    } catch (JsonProcessingException e) {
      throw new MalformedHeaderException(
          "the header's JSON is wrong: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new MalformedHeaderException("the header cannot be read: " + e.getMessage(), e);
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
        metadata = texts();
      } else {
        tensors.add(tensor(name));
      }
    }
    require(json.nextToken() == null, "there is more after the header's JSON object");
    return new Header(metadata, List.copyOf(tensors));
  }

  private Map<String, String> texts() throws IOException, MalformedHeaderException {
    require(json.currentToken() == JsonToken.START_OBJECT, Header.METADATA + " is not an object");
    Map<String, String> texts = new LinkedHashMap<>();
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = json.currentName();
      require(
          json.nextToken() == JsonToken.VALUE_STRING,
          Header.METADATA + "." + key + " is not a text");
      texts.put(key, json.getText());
    }
    return Collections.unmodifiableMap(texts);
  }

  private TensorInfo tensor(String name) throws IOException, MalformedHeaderException {
    String at = "tensor \"" + name + "\": ";
    require(json.currentToken() == JsonToken.START_OBJECT, at + "its entry is not an object");
    Optional<DType> dtype = Optional.empty();
    Optional<List<Long>> shape = Optional.empty();
    Optional<List<Long>> offsets = Optional.empty();
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String field = json.currentName();
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
      long number = json.getLongValue();
      require(number >= 0, at + " holds the negative number " + number);
      numbers.add(number);
    }
    return numbers;
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
