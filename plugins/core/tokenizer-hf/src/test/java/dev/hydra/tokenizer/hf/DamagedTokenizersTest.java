package dev.hydra.tokenizer.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Settings;
import dev.hydra.data.Tokenizer;
import dev.hydra.data.TokenizerContext;
import dev.hydra.testing.DamagedJson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files that are wrong in one place are refused in one line, or are tokenizers that work. What the
 * native library cannot stand would end these tests.
 */
class DamagedTokenizersTest {
  private static final Path KINDS = Path.of("src/test/resources/damaged");
  private static final String SAMPLE = "ab <s>x A,\n\u00e9 \u4f60 \ud83d\ude00 7 [SEP]";

  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  private Path file(String text) {
    try {
      return Files.writeString(folder.resolve("tokenizer.json"), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String whole(String kind) throws IOException {
    return Files.readString(KINDS.resolve(kind + ".json"));
  }

  private static Tokenizer read(Path file) {
    HfTokenizerFactory factory = new HfTokenizerFactory();
    Settings settings =
        Settings.read(
            "tokenizer", ConfigFactory.parseString("file = \"" + file + "\""), factory.options());
    return factory.create(new TokenizerContext(settings, List.of()));
  }

  private static String refused(Path file) {
    return String.valueOf(assertThrows(ConfigException.class, () -> read(file)).getMessage());
  }

  /** Returns what a file is refused for; nothing if it is a tokenizer that works. */
  private static Optional<String> problem(Path file) {
    Tokenizer tokenizer;
    try {
      tokenizer = read(file);
    } catch (ConfigException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
    int[] prompt = tokenizer.encodePrompt(SAMPLE);
    int[] all = IntStream.range(0, tokenizer.vocabSize()).toArray();
    assertThat(Arrays.stream(prompt).filter(id -> id >= all.length)).isEmpty();
    for (int[] ids : List.of(prompt, tokenizer.encode(SAMPLE), all)) {
      tokenizer.decode(ids, false);
      tokenizer.decode(ids, true);
      Arrays.stream(ids).forEach(tokenizer::bytes);
    }
    return Optional.empty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"bpe", "llama", "unigram", "wordpiece", "wordlevel", "others"})
  void everyValueInTurn(String kind) throws IOException {
    assertThat(problem(file(whole(kind)))).isEmpty();
    List<String> refused = new ArrayList<>();
    DamagedJson.each(
        whole(kind),
        (what, text) -> {
          Path file = file(text);
          Optional<String> problem;
          try {
            problem = problem(file);
          } catch (RuntimeException | OutOfMemoryError e) {
            throw new AssertionError(what, e);
          }
          problem.ifPresent(
              message -> {
                refused.add(message);
                assertThat(message).as(what).contains(file.toString(), "; get it again");
                assertThat(message.lines()).as(what).hasSize(1);
              });
        });
    assertThat(refused).hasSizeGreaterThan(100);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
      bpe | "a": 0 | "a": 2000000000 | (model.vocab."a" is 2000000000, not a whole number from 0 to 9999999)
      bpe | "a": 0 | "a": -1 | (model.vocab."a" is -1, not
      bpe | "a": 0 | "a": 0.5 | (model.vocab."a" is 0.5, not
      bpe | "a": 0 | "a": "0" | (model.vocab."a" is "0", not
      bpe | "a": 0 | "a": 1 | (model.vocab."b" is 1, but that is the id of "a", too)
      bpe | "a": 0 | "a": 0, "a": 7 | (it is not JSON: the name "a" comes twice in an object (line
      bpe | "id": 3 | "id": 4 | (added_tokens[0].id is 4, but that is the id of "e", too)
      bpe | "id": 3 | "id": 9 | (added_tokens[0].id is 9, but the tokenizers library gives "<s>" the id 3: it has that already)
      bpe | "id": 5 | "id": 6 | (added_tokens[1].id is 6, but the tokenizers library gives "<t>" the id 5: the next after those before it)
      bpe | "NFC" | "NFX" | (normalizer: a step of a type that is not known
      bpe | "Sequence": | "Text": | (post_processor: a step of a type that is not known
      bpe | "id": "A" | "id": "B" | (post_processor.processors[1].single[1].Sequence.id is "B", but
      bpe | "continuing_subword_prefix": null | "continuing_subword_prefix": "##" | (model.merges[0] does not join a token that begins with "##"
      llama | "stop": 0 | "stop": 1 | (decoder.decoders[3].stop is 1, but only 0 is supported)
      llama | "merges": [ | "merges": [5, | (model: a
      unigram | "NFKC" | "Precompiled" | (normalizer.normalizers[0].precompiled_charsmap is null, not a text)
      unigram | "unk_id": 1 | "unk_id": 9 | (model: Unable to load vocab UnkIdNotInVocabulary
      wordpiece | "[UNK]": 1 | "[NUK]": 1 | (added_tokens[0].id is 1, but that is the id of "[NUK]", too)
      """)
  void thePlaceIsNamed(String kind, String part, String damaged, String message)
      throws IOException {
    String whole = whole(kind);
    assertThat(whole).contains(part);
    assertThat(refused(file(whole.replace(part, damaged)))).contains(message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"null", "[]", "5", "\"x\"", "true"})
  void whatIsNoObjectIsRefused(String text) throws IOException {
    assertThat(refused(file(text))).contains("(it is not a JSON object)");
    Files.writeString(folder.resolve("tokenizer_config.json"), text);
    assertThat(refused(file(whole("bpe"))))
        .isEqualTo(
            "String: 1: tokenizer.file: "
                + folder.resolve("tokenizer_config.json")
                + " is not a JSON object; mend it, or fetch or write it again");
  }

  @Test
  void theTokenThatEndsATextIsAText() throws IOException {
    Path config = folder.resolve("tokenizer_config.json");
    Path file = file(whole("bpe"));
    for (String token : List.of("5", "[]", "{}", "{\"content\": 5}")) {
      Files.writeString(config, "{\"eos_token\": " + token + "}");
      assertThat(refused(file)).contains(config + ": eos_token is ", ", not a text or an object");
    }
    for (String token : List.of("\"<s>\"", "{\"content\": \"<s>\"}")) {
      Files.writeString(config, "{\"eos_token\": " + token + "}");
      assertThat(read(file).endOfText()).hasValue(3);
    }
  }
}
