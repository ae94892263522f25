package dev.hydra.huggingface;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.api.ConfigException;
import dev.hydra.testing.DamagedJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that are wrong in one place are refused with their name, or are those of some model. */
class DamagedFoldersTest extends PublishedFolderTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "bamba",
        "falcon_h1",
        "granitemoehybrid",
        "jamba",
        "llama",
        "mamba",
        "mamba2",
        "mixtral"
      })
  void everyValueOfTheDescription(String family) throws IOException {
    copy(Golden.of(family));
    everyValue("config.json");
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-yarn", "llama-llama3"})
  void everyValueOfPositions(String variant) throws IOException {
    copy(Golden.variant(variant));
    everyValue("config.json");
  }

  @Test
  void everyValueOfTheIndex() throws IOException {
    copy(Golden.variant("granite-experts"));
    everyValue(Shards.INDEX);
  }

  @Test
  void everyValueForGeneration() throws IOException {
    copy(Golden.of("bamba"));
    Files.writeString(
        published.resolve("generation_config.json"),
        "{ \"eos_token_id\": [3, 4], \"pad_token_id\": 5, \"top_p\": 0.9 }");
    everyValue("generation_config.json");
  }

  private void everyValue(String name) throws IOException {
    Path file = published.resolve(name);
    List<String> refused = new ArrayList<>();
    DamagedJson.each(
        Files.readString(file),
        (what, text) -> {
          try {
            Files.writeString(file, text);
            PublishedModel model = PublishedModel.read(published.resolve("config.json"));
            model.check(Golden.COMPONENTS);
            model.importTo(published, folder.resolve("weights"), Progress.NONE);
          } catch (ConfigException | IOException e) {
            refused.add(String.valueOf(e.getMessage()));
            assertThat(e).as(what).hasMessageContaining(published.toString());
          } catch (RuntimeException | OutOfMemoryError e) {
            throw new AssertionError(what, e);
          }
        });
    assertThat(refused).hasSizeGreaterThan(10);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
      mixtral | "num_local_experts": 4 | "num_local_experts": 2000000000 | num_local_experts: = 2000000000 is refused; up to 10000 are read
      llama | "head_dim": 16 | "head_dim": 9000000 | head_dim: makes 4 heads of 9000000; they may have 10000000 channels
      llama | "hidden_size": 64 | "hidden_size": 2000000000 | hidden_size: = 2000000000 must be at most 10000000
      jamba | "mamba_expand": 2 | "mamba_expand": 1000000 | mamba_expand: = 1000000 makes
      """)
  void absurdNumbersAreRefused(String family, String part, String damaged, String message)
      throws IOException {
    copy(Golden.of(family));
    edit("config.json", part, damaged);
    contains(refused(ConfigException.class), "config.json: ", message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"null", "[]", "5", "\"x\"", "true"})
  void whatIsNoObjectIsNamed(String text) throws IOException {
    copy(Golden.variant("granite-experts"));
    Path index = published.resolve(Shards.INDEX);
    Files.writeString(index, text);
    assertThat(refused(IOException.class)).startsWith(index + " is not a JSON object; mend it");
    Path config = published.resolve("config.json");
    Files.writeString(config, text);
    assertThat(refused(ConfigException.class)).startsWith(config + " is not a JSON object; mend");
    Files.writeString(config, "{\"a\": 1, \"a\": 2}");
    assertThat(refused(ConfigException.class))
        .startsWith(config + " is not JSON: the name \"a\" comes twice in an object (line 1, ");
  }
}
