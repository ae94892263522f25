package dev.hydra.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Folders in use are left alone, and only the model that is described is exported. */
class FolderFaultsTest extends PublishedFolderTest {
  @Test
  void foldersThatAreInUse() throws IOException {
    copy(Golden.of("llama"));
    Files.createDirectory(out);
    Files.writeString(out.resolve("mine"), "text");
    contains(
        String.valueOf(assertThrows(IOException.class, this::importIt).getMessage()),
        "is not empty");
    assertEquals("text", Files.readString(out.resolve("mine")));
    Files.delete(out.resolve("mine"));
    importIt();
    contains(
        String.valueOf(
            assertThrows(
                    IOException.class,
                    () ->
                        HuggingFace.exportModel(
                            out,
                            Optional.empty(),
                            Optional.empty(),
                            published,
                            Golden.COMPONENTS,
                            Progress.NONE))
                .getMessage()),
        "is not empty");
  }

  @Test
  void foldersAboveAreNotLeftBehind() throws IOException {
    copy(Golden.of("llama"));
    Files.delete(published.resolve(Shards.FILE));
    out = folder.resolve("a/b/c");
    refused(IOException.class);
    assertThat(folder.resolve("a")).doesNotExist();
  }

  @Test
  void exportsOnlyWhatTheDescriptionSays() throws IOException {
    copy(Golden.of("llama"));
    importIt();
    Path back = folder.resolve("back");
    String config = Files.readString(out.resolve("config.conf"));
    Files.writeString(
        out.resolve("config.conf"),
        config.replace("rope-theta = 10000", "rope-theta = 20000, scale = 1"));
    contains(
        String.valueOf(
            assertThrows(
                    IOException.class,
                    () ->
                        HuggingFace.exportModel(
                            out,
                            Optional.empty(),
                            Optional.empty(),
                            back,
                            Golden.COMPONENTS,
                            Progress.NONE))
                .getMessage()),
        "blocks.0.mixer: rope-theta is 20000, not 10000",
        "blocks.1.mixer: scale is 1, not its default");
    assertThat(back).doesNotExist();
    Files.writeString(out.resolve("config.conf"), config);
    Files.delete(out.resolve(HuggingFace.KEPT_CONFIG));
    contains(
        String.valueOf(
            assertThrows(
                    IOException.class,
                    () ->
                        HuggingFace.exportModel(
                            out,
                            Optional.empty(),
                            Optional.empty(),
                            back,
                            Golden.COMPONENTS,
                            Progress.NONE))
                .getMessage()),
        "hf-config.json; name the config.json");
    Path kept = published.resolve("config.json");
    HuggingFace.exportModel(
        out, Optional.empty(), Optional.of(kept), back, Golden.COMPONENTS, Progress.NONE);
    assertEquals(Files.readString(kept), Files.readString(back.resolve("config.json")));
  }
}
