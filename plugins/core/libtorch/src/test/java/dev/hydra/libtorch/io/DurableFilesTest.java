package dev.hydra.libtorch.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DurableFilesTest {
  @TempDir private Path folder;

  private List<Path> entries() throws IOException {
    try (var entries = Files.list(folder)) {
      return entries.sorted().toList();
    }
  }

  @Test
  void aTextReplacesTheOneBeforeAndLeavesNothingElse() throws IOException {
    Path file = folder.resolve("text");
    DurableFiles.write(file, "first, and longer");
    DurableFiles.write(file, "Zweites: ä");
    assertEquals("Zweites: ä", Files.readString(file));
    assertEquals(List.of(file), entries());
  }

  @Test
  void aFolderIsSyncedAndMovedIntoThePlaceOfAnEmptyOne() throws IOException {
    Path side = Files.createDirectories(folder.resolve("side"));
    Files.writeString(side.resolve("a"), "b");
    Path target = Files.createDirectory(folder.resolve("target"));
    DurableFiles.sync(side.resolve("a"));
    DurableFiles.sync(side);
    DurableFiles.replace(side, target);
    assertEquals("b", Files.readString(target.resolve("a")));
    assertThat(side).doesNotExist();
  }

  @Test
  void aFolderIsDeletedWithAllThatIsInItAndALinkIsNotFollowed() throws IOException {
    Path kept = Files.writeString(folder.resolve("kept"), "x");
    Path gone = folder.resolve("gone");
    Files.createDirectories(gone.resolve("deep/er"));
    Files.writeString(gone.resolve("deep/er/file"), "x");
    Files.createSymbolicLink(gone.resolve("link"), kept);
    DurableFiles.delete(gone);
    DurableFiles.delete(gone);
    assertEquals(List.of(kept), entries());
  }
}
