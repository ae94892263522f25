package dev.hydra.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.hydra.testing.DamagedJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateFilesTest {
  /** Such as a page of errors that was fetched in its place. */
  @Test
  void aFileThatIsNotJsonIsNamed(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("tokenizer_config.json"), "<html>");
    assertThatThrownBy(() -> ChatTemplateFiles.tokenizerInfo(folder))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + " is not JSON: ")
        .hasMessageContaining("(line 1, column 1)")
        .hasMessageNotContaining("Source");
  }

  /**
   * Each file is read, or refused with its name; what else is wrong with a template is not here.
   */
  @ParameterizedTest
  @ValueSource(strings = {"tokenizer_config.json", "special_tokens_map.json", "chat_template.json"})
  void everyValueInTurn(String name, @TempDir Path folder) {
    Path file = folder.resolve(name);
    List<String> refused = new ArrayList<>();
    DamagedJson.each(
        """
        {"bos_token": "<s>", "eos_token": {"content": "</s>", "special": true}, "pad_token": null,
         "chat_template": [{"name": "x", "template": "y"}, {"name": "default", "template": "z"}]}
        """,
        (what, text) -> {
          try {
            Files.writeString(file, text);
            ChatTemplateFiles.tokenizerInfo(folder);
            Optional<ChatTemplate> template = ChatTemplateFiles.in(folder);
            template.ifPresent(each -> assertThat(each.source()).as(what).isIn("z", "x"));
          } catch (IOException e) {
            refused.add(String.valueOf(e.getMessage()));
          }
        });
    assertThat(refused)
        .hasSizeGreaterThan(20)
        .allSatisfy(
            message ->
                assertThat(message)
                    .startsWith(file.toString())
                    .contains("mend it, or fetch or write "));
  }

  @Test
  void aTemplateThatIsNotATextIsNotPassedOver(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("tokenizer_config.json");
    for (String template : List.of("5", "{}", "[{\"name\": \"default\", \"template\": 5}]")) {
      Files.writeString(file, "{\"chat_template\": " + template + "}");
      assertThatThrownBy(() -> ChatTemplateFiles.in(folder))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith(file + ": chat_template is not a text");
    }
    for (String none : List.of("null", "\"\"", "[]", "[5]", "[{\"name\": \"default\"}]")) {
      Files.writeString(file, "{\"chat_template\": " + none + "}");
      assertThat(ChatTemplateFiles.in(folder)).isEmpty();
    }
    Path own = Files.write(folder.resolve("chat_template.jinja"), new byte[] {(byte) 0xff});
    assertThatThrownBy(() -> ChatTemplateFiles.in(folder)).hasMessageStartingWith(own + " is not");
  }
}
