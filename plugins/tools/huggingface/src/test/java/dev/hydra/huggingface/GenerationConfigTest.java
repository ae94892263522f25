package dev.hydra.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Which tokens end a text and which pad a prompt. */
class GenerationConfigTest extends PublishedFolderTest {
  private static final String FILE = "generation_config.json";

  /** For embeddings, Python counts negative tokens from the end; prompts hold no such token. */
  @Test
  void negativePaddingIsNoneInPrompts() throws IOException {
    copy(Golden.of("bamba"));
    edit("config.json", "\"pad_token_id\": 0", "\"pad_token_id\": -1");
    importIt();
    String text = Files.readString(out.resolve("config.conf"));
    contains(text, "padding-token = 255\n", "generation { end-tokens = [2] }");
  }

  @Test
  void theFileForGenerationDecides() throws IOException {
    copy(Golden.of("bamba"));
    String generation = "{ \"eos_token_id\": [3, 4], \"pad_token_id\": 5, \"top_p\": 0.9 }";
    Files.writeString(published.resolve(FILE), generation);
    assertEquals(0, importIt().size());
    String text = Files.readString(out.resolve("config.conf"));
    contains(text, "padding-token = 0\n", "generation { end-tokens = [3, 4], padding-token = 5 }");
    HuggingFace.exportModel(
        out,
        Optional.empty(),
        Optional.empty(),
        folder.resolve("back"),
        Golden.COMPONENTS,
        Progress.NONE);
    assertEquals(generation, Files.readString(folder.resolve("back").resolve(FILE)));
  }

  /** As transformers does, which does not look into config.json then. */
  @Test
  void whatItLeavesOutIsNone() throws IOException {
    copy(Golden.of("bamba"));
    Files.writeString(published.resolve(FILE), "{ \"top_p\": 0.9 }");
    importIt();
    assertThat(Files.readString(out.resolve("config.conf"))).doesNotContain("generation {");
  }

  @Test
  void mistakesInIt() throws IOException {
    copy(Golden.of("bamba"));
    Files.writeString(published.resolve(FILE), "{ \"eos_token_id\": \"two\" }");
    contains(refused(ConfigException.class), "eos_token_id: must be a list", FILE);
  }
}
