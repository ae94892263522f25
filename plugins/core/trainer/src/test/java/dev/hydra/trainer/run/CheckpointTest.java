package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.libtorch.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
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
    assertThat(message(checkpoint)).contains("a is damaged: its SHA-256");
    Files.writeString(checkpoint.file("a"), "texts");
    assertThat(message(checkpoint)).contains("a is damaged: it has 5 bytes, in the manifest 4");
    Files.delete(checkpoint.file("a"));
    assertThat(message(checkpoint)).contains("a is missing");
    for (String wrong : List.of("{", "null", "[]", "5", "{}")) {
      Files.writeString(checkpoint.file("manifest.json"), wrong);
      assertThat(message(checkpoint)).contains("manifest.json is damaged");
    }
    Files.delete(checkpoint.file("manifest.json"));
    assertThat(message(checkpoint)).contains("is not a checkpoint");
  }

  /**
   * Else the same run would not leave the same bytes: maps of Java are ordered anew in each
   * process.
   */
  @Test
  void theManifestNamesEachFileInOneOrder() throws IOException {
    assertThat(Files.readString(write("text").file("manifest.json")))
        .matches("\\{\"a\":\\{\"bytes\":4,\"sha256\":\"[0-9a-f]{64}\",\"crc32c\":\\[.*]}}\n");
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

  /** Weights that are used are checked by their pieces, by SHA-256 where a manifest has none. */
  @Test
  void damagedWeightsAreRefused() throws IOException {
    Checkpoint checkpoint =
        Checkpoint.write(
            new RunFolder(folder).checkpoint(1),
            side -> Files.writeString(side.resolve(Checkpoint.MODEL), "weights"));
    checkpoint.verifyModel();
    Files.writeString(checkpoint.file(Checkpoint.MODEL), "weightz");
    assertThat(assertThrows(IOException.class, checkpoint::verifyModel))
        .hasMessageContaining("is damaged: the CRC-32C of a piece is not that of the manifest");
    Path manifest = checkpoint.file("manifest.json");
    String earlier =
        Files.readString(manifest).replaceAll(",\"crc32c\":\\[[^]]*]|\"crc32c\":\\[[^]]*],", "");
    assertThat(earlier).doesNotContain("crc32c");
    Files.writeString(manifest, earlier);
    assertThat(assertThrows(IOException.class, checkpoint::verifyModel))
        .hasMessageContaining("is damaged: its SHA-256 is not that of the manifest");
    Files.writeString(checkpoint.file(Checkpoint.MODEL), "weights");
    checkpoint.verifyModel();
  }

  /** Of the optimizer's state averages are used only: damage of all else does not matter then. */
  @Test
  void averagesAreCheckedWithoutWhatIsBesideThem() throws IOException {
    Checkpoint checkpoint =
        Checkpoint.write(
            new RunFolder(folder).checkpoint(1),
            side -> {
              try (PointerScope scope = new PointerScope()) {
                Map<String, Tensor> state = new LinkedHashMap<>();
                state.put("weight.ema", torch.rand(1000));
                state.put("weight.square", torch.rand(3_000_000));
                SafetensorsWriter.write(side.resolve(Checkpoint.OPTIMIZER), state, Map.of());
              }
            });
    Path file = checkpoint.file(Checkpoint.OPTIMIZER);
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
    assertThat(checkpoint.averages().orElseThrow().names()).containsKey("weight");
    assertThrows(IOException.class, checkpoint::verify);
    bytes[2000] ^= 1;
    Files.write(file, bytes);
    assertThat(assertThrows(IOException.class, checkpoint::averages))
        .hasMessageContaining("optimizer.safetensors is damaged");
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
