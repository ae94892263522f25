package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.hydra.chat.ChatTemplate;
import dev.hydra.cli.common.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where the chat template of a model is found. */
class ChatFilesTest {
  private static final String JINJA = "{{ bos_token }}{% for m in messages %}jinja{% endfor %}";

  @TempDir Path model;

  private Path write(String name, String text) throws IOException {
    Path file = model.resolve(name);
    Files.createDirectories(file.resolveSibling("."));
    return Files.writeString(file, text);
  }

  private String rendered() throws IOException {
    ChatTemplate template = ChatFiles.found(model, null).orElseThrow();
    return template.render(List.of(Map.of("role", "user", "content", "a")), List.of(), true);
  }

  @Test
  void aFileOfItsOwnComesBeforeTheTokenizersConfiguration() throws IOException {
    write("tokenizer.json", "{}");
    write("tokenizer_config.json", "{\"bos_token\": \"<s>\", \"chat_template\": \"config\"}");
    assertThat(rendered()).isEqualTo("config");
    write("chat_template.jinja", JINJA);
    assertThat(rendered()).isEqualTo("<s>jinja");
  }

  /** A model of bytes has no tokenizer.json. */
  @Test
  void itNeedsNoTokenizersFile() throws IOException {
    write("chat_template.jinja", JINJA);
    assertThat(rendered()).isEqualTo("jinja");
  }

  /** A run keeps its tokenizer in a folder of its own. */
  @Test
  void itIsFoundBesideTheWeightsToo() throws IOException {
    write("tokenizer/tokenizer.json", "{}");
    write("tokenizer/special_tokens_map.json", "{\"bos_token\": \"<s>\"}");
    assertThat(ChatFiles.found(model, null)).isEmpty();
    write("chat_template.jinja", JINJA);
    assertThat(rendered()).isEqualTo("<s>jinja");
  }

  @Test
  void aBrokenOneIsNamed() throws IOException {
    write("chat_template.jinja", "{% for %}");
    assertThatThrownBy(() -> ChatFiles.found(model, null))
        .isInstanceOf(UsageException.class)
        .hasMessageContainingAll(model.toString(), "--template", "cannot be read");
  }
}
