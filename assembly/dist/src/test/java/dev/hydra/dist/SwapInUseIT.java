package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plugins are swapped while a model generates, or is scored. */
class SwapInUseIT {
  @TempDir Path folder;

  @BeforeEach
  void train() throws Exception {
    try (RunningTraining training = RunningTraining.start(folder, "run")) {
      training.advance(1);
      assertEquals(143, training.stop());
    }
  }

  @Test
  void generationGoesOnWithTheNewVersion() throws Exception {
    swapDuring("generate", "--prompt", "one", "-n", "1000000");
  }

  @Test
  void scoringGoesOnWithTheNewVersion() throws Exception {
    String longText = folder.resolve("long.txt").toString();
    Files.writeString(Path.of(longText), "one two three four five\n".repeat(1_000_000));
    swapDuring(
        "eval", "--set", "data.files=[" + longText + "]", "--set", "data.validation-fraction=0.5");
  }

  private void swapDuring(String command, String... arguments) throws Exception {
    Path jar = EmaVersion.write(folder.resolve("ema2.jar"), "1.1.0");
    List<String> all = new ArrayList<>(List.of(command, "--model", "run", "--swap-dir", "live"));
    all.addAll(List.of(arguments));
    Hydra inUse = hydra("use");
    Process process = inUse.start(all.toArray(String[]::new));
    try {
      Path socket = folder.resolve("live/.control/socket");
      while (!Files.exists(socket)) {
        assertTrue(process.isAlive(), () -> "it has ended: " + said(inUse));
        TimeUnit.MILLISECONDS.sleep(20);
      }
      Hydra.Result swapped = hydra("ask").run("plugins", "swap", jar.toString(), "--run", "live");
      assertEquals(0, swapped.exitCode(), swapped.toString());
      Hydra.Result list = hydra("ask").run("plugins", "list", "--run", "live");
      assertEquals(
          2,
          list.out().stream().filter(line -> line.contains("com.example.hydra.ema 1.1.0+")).count(),
          list.toString());
      String journal = Files.readString(folder.resolve("live/journal.jsonl"));
      assertThat(journal).contains("\"event\":\"swap\"");
      Hydra.Result back = hydra("ask").run("plugins", "rollback", "--run", "live");
      assertEquals(0, back.exitCode(), back.toString());
      list = hydra("ask").run("plugins", "list", "--run", "live");
      assertThat(list.out()).as(list.toString()).noneMatch(line -> line.contains("1.1.0+"));
      back = hydra("ask").run("plugins", "rollback", "--run", "live");
      assertEquals(1, back.exitCode(), "there is nothing more to undo");
      Hydra.Result second = hydra("ask").run(all.toArray(String[]::new));
      assertEquals(1, second.exitCode(), "the folder is in use");
      assertThat(second.err().get(0))
          .as(second.toString())
          .contains("another process is using live");
      assertTrue(process.isAlive(), () -> "it has ended: " + said(inUse));
    } finally {
      process.destroyForcibly().waitFor();
    }
    assertThat(said(inUse)).contains("swapped blocks.0.mixer");
  }

  private Hydra hydra(String logs) throws Exception {
    return Hydra.withPlugins(
            folder.resolve("installed"), Files.createDirectories(folder.resolve(logs)))
        .in(folder);
  }

  private static String said(Hydra hydra) {
    try {
      return String.join("\n", hydra.err());
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
