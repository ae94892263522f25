package dev.hydra.tokenizer.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Settings;
import dev.hydra.data.StreamingDecoder;
import dev.hydra.data.Tokenizer;
import dev.hydra.data.TokenizerContext;
import dev.hydra.tck.Check;
import dev.hydra.tck.PluginConformance;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against the ids and texts that the tokenizers library itself gives, in Python. */
class HfTokenizerTest {
  private static final Path KINDS = Path.of("src/test/resources/tokenizers");

  private static Tokenizer tokenizer(Path file, String more) {
    HfTokenizerFactory factory = new HfTokenizerFactory();
    Settings settings =
        Settings.read(
            "data.tokenizer",
            ConfigFactory.parseString(
                "file = \"" + file.toAbsolutePath() + "\"\n" + more,
                ConfigParseOptions.defaults().setOriginDescription("test.conf")),
            factory.options());
    return factory.create(new TokenizerContext(settings, List.of()));
  }

  private static Tokenizer kind(String kind) {
    return tokenizer(KINDS.resolve(kind).resolve("tokenizer.json"), "");
  }

  private static List<Map<?, ?>> references(String kind) throws IOException {
    return JSON
        .std
        .listFrom(Files.readString(KINDS.resolve(kind).resolve("encodings.json")))
        .stream()
        .<Map<?, ?>>map(each -> (Map<?, ?>) each)
        .toList();
  }

  private static int[] ids(Object list) {
    return ((List<?>) list).stream().mapToInt(id -> (Integer) id).toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama2", "llama3", "qwen", "unigram", "wordpiece"})
  void encodesAndDecodesAsThePublishedLibrary(String kind) throws IOException {
    Tokenizer tokenizer = kind(kind);
    List<Map<?, ?>> references = references(kind);
    assertEquals(127, references.size());
    for (Map<?, ?> each : references) {
      String text = (String) each.get("text");
      int[] plain = ids(each.get("plain"));
      int[] withSpecial = ids(each.get("ids"));
      assertArrayEquals(withSpecial, tokenizer.encodePrompt(text), text);
      assertArrayEquals(plain, tokenizer.encode(text), text);
      IntStream.Builder stream = IntStream.builder();
      tokenizer.encode(text.getBytes(StandardCharsets.UTF_8), stream);
      assertArrayEquals(plain, stream.build().toArray(), text);
      assertEquals(each.get("decoded"), tokenizer.decode(withSpecial), text);
      assertEquals(each.get("raw"), tokenizer.decode(plain, false), text);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama2", "llama3", "qwen", "unigram", "wordpiece"})
  void streamsTheSameTextWithoutHalfCharacters(String kind) throws IOException {
    Tokenizer tokenizer = kind(kind);
    StreamingDecoder decoder = tokenizer.streamingDecoder();
    for (Map<?, ?> each : references(kind)) {
      int[] tokens = ids(each.get("ids"));
      StringBuilder text = new StringBuilder();
      for (int token : tokens) {
        String piece = decoder.next(token);
        assertTrue(
            ((String) each.get("text")).indexOf('\ufffd') >= 0 || piece.indexOf('\ufffd') < 0);
        text.append(piece);
      }
      text.append(decoder.finish());
      assertEquals(each.get("decoded"), text.toString());
    }
  }

  /** What the bytes of the tokens join to is what they decode to. */
  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama3", "qwen"})
  void theBytesOfTokensAreTheText(String kind) throws IOException {
    Tokenizer tokenizer = kind(kind);
    for (Map<?, ?> each : references(kind)) {
      int[] tokens = ids(each.get("plain"));
      java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
      for (int token : tokens) {
        bytes.writeBytes(tokenizer.bytes(token));
      }
      assertEquals(tokenizer.decode(tokens), bytes.toString(StandardCharsets.UTF_8));
    }
  }

  /**
   * Pieces with remembered ids: prose, code and prose without order, long and with rare letters.
   */
  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama3", "qwen"})
  void longTextsHaveTheIdsOfTheWholeText(String kind) throws IOException {
    Tokenizer tokenizer = kind(kind);
    StringBuilder all = new StringBuilder();
    for (int round = 0; round < 3; round++) {
      for (Map<?, ?> each : references(kind)) {
        all.append(each.get("text")).append(round == 1 ? " " : round == 2 ? "\n" : "");
      }
    }
    String[] parts = {
      "a",
      "Bc",
      "'",
      "'s",
      "'LL",
      " ",
      "  ",
      "\n",
      "\n\n",
      "\t",
      "\r\n",
      ".",
      ",",
      "(",
      "))",
      "_",
      "7",
      "1234",
      "\u00e9",
      "\u0301",
      "\u4f60",
      "\ud83d\ude00",
      "\u00a0",
      "<|endoftext|>",
      "<|eot_id|>",
      "<tool_call>",
      "\u3000"
    };
    Random random = new Random(1);
    for (int i = 0; i < 30_000; i++) {
      all.append(parts[random.nextInt(parts.length)]);
    }
    IntStream.Builder stream = IntStream.builder();
    tokenizer.encode(all.toString().getBytes(StandardCharsets.UTF_8), stream);
    assertArrayEquals(tokenizer.encode(all.toString()), stream.build().toArray());
  }

  @TestFactory
  Stream<DynamicTest> conforms() {
    return Stream.of("gpt2", "llama3")
        .flatMap(
            kind ->
                PluginConformance.of(new HfTokenizerFactory())
                    .options("file = \"" + KINDS.resolve(kind) + "/tokenizer.json\"")
                    .tests()
                    .stream()
                    .map(
                        (Check each) ->
                            DynamicTest.dynamicTest(kind + " " + each.name(), each::run)));
  }

  @Test
  void theEndOfATextIsFound() {
    assertEquals(kind("llama3").encodePrompt("x").length - 1, kind("llama3").encode("x").length);
    OptionalInt end = kind("gpt2").endOfText();
    assertEquals("<|endoftext|>", kind("gpt2").decode(new int[] {end.orElseThrow()}, false));
    assertEquals("", kind("gpt2").decode(end.orElseThrow()));
    assertThat(
            assertThrows(
                    ConfigException.class,
                    () -> tokenizer(KINDS.resolve("gpt2/tokenizer.json"), "end-of-text = nope"))
                .toString())
        .contains("test.conf: 2", "there is no token \"nope\"");
  }

  @Test
  void whatIsNotATokenizerIsRefused(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    String whole = Files.readString(KINDS.resolve("gpt2/tokenizer.json"));
    for (String text :
        List.of(
            "",
            "[]",
            "{}",
            "{\"model\":{}}",
            whole.substring(0, whole.length() / 2),
            "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"x y\"]}}")) {
      Files.writeString(file, text);
      assertThat(assertThrows(ConfigException.class, () -> tokenizer(file, "")).toString())
          .contains("test.conf: 1", "data.tokenizer.file", "is not a tokenizer.json");
    }
    Files.write(file, new byte[] {'{', (byte) 0xff});
    assertThat(assertThrows(ConfigException.class, () -> tokenizer(file, "")).toString())
        .contains("it is not UTF-8");
    assertThat(
            assertThrows(ConfigException.class, () -> tokenizer(folder.resolve("none"), ""))
                .toString())
        .contains("there is no file");
  }

  @Test
  void takesWhatBelongsToItAlong(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    Files.copy(KINDS.resolve("gpt2/tokenizer.json"), file);
    Files.writeString(folder.resolve("tokenizer_config.json"), "{}");
    Files.writeString(folder.resolve("other.json"), "{}");
    assertEquals(
        List.of(file, folder.resolve("tokenizer_config.json")), tokenizer(file, "").files());
  }
}
