package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointTest {
  @TempDir Path folder;

  private Checkpoint write(String text) throws IOException {
    return Checkpoint.write(
        folder.resolve("step-000001"), side -> Files.writeString(side.resolve("a"), text));
  }

  @Test
  void verifiesWhatItWrote() throws IOException {
    Checkpoint checkpoint = write("text");
    checkpoint.verify();
    Files.writeString(checkpoint.file("a"), "tent");
    assertThat(message(checkpoint)).contains("a is damaged");
    Files.delete(checkpoint.file("a"));
    assertThat(message(checkpoint)).contains("a is missing");
    Files.writeString(checkpoint.file("manifest.json"), "{");
    assertThat(message(checkpoint)).contains("manifest.json is damaged");
    Files.delete(checkpoint.file("manifest.json"));
    assertThat(message(checkpoint)).contains("is not a checkpoint");
  }

  @Test
  void theModelIsWholeWithoutWhatOnlyTrainingNeeds() throws IOException {
    Checkpoint checkpoint =
        Checkpoint.write(
            new RunFolder(folder).checkpoint(1),
            side -> {
              Files.writeString(side.resolve(Checkpoint.MODEL), "weights");
              Files.writeString(side.resolve(Checkpoint.OPTIMIZER), "moments");
            });
    Files.delete(checkpoint.file(Checkpoint.OPTIMIZER));
    assertThat(new RunFolder(folder).latestModel(damaged -> {})).contains(checkpoint);
    assertThat(new RunFolder(folder).latestIntact(damaged -> {})).isEmpty();
    Files.writeString(checkpoint.file(Checkpoint.MODEL), "other");
    assertThat(new RunFolder(folder).latestModel(damaged -> {})).isEmpty();
  }

  private static String message(Checkpoint checkpoint) {
    return String.valueOf(assertThrows(IOException.class, checkpoint::verify).getMessage());
  }

  @Test
  void failureLeavesTheOldOneAndNothingElse() throws IOException {
    write("old").verify();
    assertThrows(
        IOException.class,
        () ->
            Checkpoint.write(
                folder.resolve("step-000001"),
                side -> {
                  Files.writeString(side.resolve("a"), "new");
                  throw new IOException("No space left on device");
                }));
    assertEquals("old", Files.readString(folder.resolve("step-000001/a")));
    try (Stream<Path> entries = Files.list(folder)) {
      assertEquals(List.of(folder.resolve("step-000001")), entries.toList());
    }
  }

  @Test
  void whatACrashLeftBesideIsReplaced() throws IOException {
    Files.createDirectories(folder.resolve(".incomplete-step-000001"));
    Files.writeString(folder.resolve(".incomplete-step-000001/junk"), "half");
    Checkpoint checkpoint = write("text");
    checkpoint.verify();
    assertThat(checkpoint.file("junk")).doesNotExist();
  }
}
