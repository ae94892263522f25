package dev.hydra.chat;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
}
