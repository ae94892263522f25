package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.dist.probe.HangingFactory;
import dev.hydra.dist.probe.ProbeFactory;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plugins of a running training are swapped by commands of other processes. */
class SwapIT {
  private static final String BUILT = "ema (com.example.hydra.ema 1.0.0)";

  @TempDir Path folder;

  @Test
  void swapsListsAndRollsBack() throws Exception {
    Path jar = EmaVersion.write(folder.resolve("ema2.jar"), "1.1.0");
    try (RunningTraining training = RunningTraining.start(folder, "run")) {
      assertEquals(
          "rwx------",
          PosixFilePermissions.toString(
              Files.getPosixFilePermissions(training.run().resolve(".control"))));
      training.advance(2);
      assertEquals(
          List.of("blocks.0.mixer " + BUILT, "blocks.1.mixer " + BUILT), training.mixers());

      Hydra.Result tried = training.plugins("swap", jar.toString(), "--dry-run");
      assertEquals(0, tried.exitCode(), tried.toString());
      assertThat(tried.out().get(0)).as(tried.toString()).startsWith("can be swapped");
      assertEquals("blocks.0.mixer " + BUILT, training.mixers().get(0));

      Hydra.Result swapped = training.plugins("swap", jar.toString());
      assertEquals(0, swapped.exitCode(), swapped.toString());
      assertThat(swapped.out().get(0)).as(swapped.toString()).startsWith("swapped after step ");
      assertThat(swapped.out()).as(swapped.toString()).contains("parameters: 2 carried");
      assertThat(training.mixers().get(1))
          .as(training.mixers().toString())
          .startsWith("blocks.1.mixer ema (com.example.hydra.ema 1.1.0+");
      Map<String, Object> line = training.journal("swap").get(0);
      assertThat(line.toString()).contains("com.example.hydra.ema 1.1.0+");
      String hash = training.journal("plugin").get(1).get("sha256").toString();
      assertThat(swapped.out()).as(swapped.toString()).contains("SHA-256: " + hash);
      training.advance(2);

      Hydra.Result again = training.plugins("swap", jar.toString());
      assertEquals(1, again.exitCode(), again.toString());
      assertThat(again.err().get(0)).as(again.toString()).contains("is running already");
    }
  }

  @Test
  void rollsBack() throws Exception {
    Path jar = EmaVersion.write(folder.resolve("ema2.jar"), "1.1.0");
    try (RunningTraining training =
        RunningTraining.start(folder, "run", "--set", "trainer.swap.guard-steps=1000000")) {
      assertEquals(1, training.plugins("rollback").exitCode(), "nothing to undo");
      assertEquals(0, training.plugins("swap", jar.toString()).exitCode());
      Hydra.Result undone = training.plugins("rollback");
      assertEquals(0, undone.exitCode(), undone.toString());
      assertThat(undone.out().get(0)).as(undone.toString()).startsWith("rolled back after step ");
      assertEquals("blocks.0.mixer " + BUILT, training.mixers().get(0));
      assertEquals(1, training.journal("rollback").size());
      training.until(
          "the new version is taken away", () -> training.journal("plugin-removed").size() == 1);
      training.advance(2);
      assertEquals(0, training.plugins("swap", jar.toString()).exitCode(), "and in again");
    }
  }

  @Test
  void optionsOfSitesAreSwapped() throws Exception {
    try (RunningTraining training = RunningTraining.start(folder, "run")) {
      Hydra.Result refused =
          training.plugins("swap", "--sites", "blocks.0.mixer", "--set", "horizont=4");
      assertEquals(1, refused.exitCode(), refused.toString());
      assertThat(String.join("\n", refused.err())).as(refused.toString()).contains("horizon");
      Hydra.Result vanished =
          training.plugins(
              "swap", "--sites", "blocks.0.ffn", "--config", file("type=gelu,hidden=32"));
      assertEquals(1, vanished.exitCode(), vanished.toString());
      assertThat(String.join("\n", vanished.err()))
          .as(vanished.toString())
          .contains("does not ask for parameter");
      Hydra.Result reshaped =
          training.plugins("swap", "--sites", "blocks.0.ffn", "--set", "type=gelu");
      assertEquals(1, reshaped.exitCode(), reshaped.toString());
      assertThat(String.join("\n", reshaped.err()))
          .as(reshaped.toString())
          .contains("with policy drop it begins anew");
      Hydra.Result swapped =
          training.plugins(
              "swap",
              "--sites",
              "blocks.0.ffn",
              "--set",
              "type=gelu",
              "--set",
              "hidden=48",
              "--policy",
              "drop");
      assertEquals(0, swapped.exitCode(), swapped.toString());
      assertTrue(
          training.plugins("list").out().stream()
              .anyMatch(line -> line.startsWith("blocks.0.ffn") && line.contains(" gelu (")));
      training.advance(2);
    }
  }

  private String file(String options) throws Exception {
    return Files.writeString(folder.resolve("options.conf"), options).toString();
  }

  @Test
  void jarsThatCannotBeUsedLeaveTheTrainingAlone() throws Exception {
    Path whole = EmaVersion.write(folder.resolve("ema2.jar"), "1.1.0");
    byte[] bytes = Files.readAllBytes(whole);
    Path half = Files.write(folder.resolve("half.jar"), Arrays.copyOf(bytes, bytes.length / 2));
    byte[] bent = bytes.clone();
    for (int i = bytes.length / 3; i < bytes.length / 2; i++) { // a time alone would be believed
      bent[i] ^= 1;
    }
    Path damaged = Files.write(folder.resolve("damaged.jar"), bent);
    Path other =
        EmaVersion.write(
            folder.resolve("other.jar"),
            "1.2.0",
            "Import-Package",
            "dev.hydra.api,org.bytedeco.pytorch;version=\"[3.0,3.1)\"");
    try (RunningTraining training = RunningTraining.start(folder, "run")) {
      refused(training, half, "not an intact jar");
      refused(training, damaged, "not an intact jar");
      refused(training, other, "but there is version 2.10.0");
      refused(training, EmaVersion.built(), "is running already");
      assertEquals(2, training.plugins("swap", folder.resolve("none.jar").toString()).exitCode());
      assertEquals("blocks.0.mixer " + BUILT, training.mixers().get(0));
      assertEquals(4, training.journal("swap-refused").size());
      try (var left = Files.list(training.run().resolve("swapped"))) {
        assertEquals(List.of(), left.toList(), "nothing of them stays");
      }
      training.advance(2);
      assertEquals(143, training.stop());
      assertThat(training.run().resolve(".control/socket")).doesNotExist();
    }
    Hydra.Result late =
        Hydra.withPlugins(folder.resolve("installed"), folder)
            .in(folder)
            .run("plugins", "swap", "ema2.jar", "--run", "run");
    assertEquals(1, late.exitCode(), late.toString());
    assertThat(late.err().get(0)).as(late.toString()).contains("no training is running in run");
  }

  @Test
  void aPluginThatHangsIsLeftBehind() throws Exception {
    Path hanging = folder.resolve("hanging.jar");
    TestBundle.plugin("ema", HangingFactory.class, ProbeFactory.class).writeTo(hanging);
    Path good = EmaVersion.write(folder.resolve("good.jar"), "1.1.0");
    try (RunningTraining training = RunningTraining.start(folder, "run")) {
      refused(training, hanging, "has not started after");
      training.advance(2);
      Hydra.Result swapped = training.plugins("swap", good.toString());
      assertEquals(0, swapped.exitCode(), swapped.toString());
      assertEquals(143, training.stop());
    }
  }

  private static void refused(RunningTraining training, Path jar, String reason) throws Exception {
    Hydra.Result result = training.plugins("swap", jar.toString());
    assertEquals(1, result.exitCode(), result.toString());
    assertThat(String.join("\n", result.err())).as(result.toString()).contains(reason);
    assertTrue(training.process().isAlive());
  }

  @Test
  void aTrustedListThatIsNoneIsSaidBeforeTraining() throws Exception {
    for (String wrong : List.of("plugins.trusted=[abc]", "plugins.trsted=[]")) {
      Hydra.Result result =
          Hydra.withPlugins(Files.createDirectories(folder.resolve("none")), folder)
              .in(folder)
              .run("train", "quickstart", "--run-dir", "run", "--set", wrong);
      assertEquals(2, result.exitCode(), result.toString());
      assertThat(result.err().get(0)).as(result.toString()).contains("trusted");
    }
  }

  @Test
  void onlyTrustedJarsAreLoaded() throws Exception {
    Path good = EmaVersion.write(folder.resolve("good.jar"), "1.1.0");
    Path bad = EmaVersion.write(folder.resolve("bad.jar"), "1.2.0");
    try (RunningTraining training =
        RunningTraining.start(
            folder, "run", "--set", "plugins.trusted=[\"" + Hashes.sha256(good) + "\"]")) {
      refused(training, bad, "is not trusted");
      assertEquals(0, training.plugins("swap", good.toString()).exitCode());
    }
  }

  @Test
  void onlyJarsOfTrustedSignersAreLoaded() throws Exception {
    Path unsigned = EmaVersion.write(folder.resolve("unsigned.jar"), "1.1.0");
    Path good = EmaVersion.write(folder.resolve("good.jar"), "1.2.0");
    Path stranger = EmaVersion.write(folder.resolve("stranger.jar"), "1.3.0");
    String trusted = Signatures.sign(good, folder.resolve("good.keys"));
    Signatures.sign(stranger, folder.resolve("stranger.keys"));
    Path extended = Files.copy(good, folder.resolve("extended.jar"));
    try (FileSystem zip = FileSystems.newFileSystem(extended)) {
      Files.writeString(zip.getPath("added.txt"), "not signed");
    }
    Path changed = Files.copy(good, folder.resolve("changed.jar"));
    try (FileSystem zip = FileSystems.newFileSystem(changed)) {
      Files.writeString(zip.getPath("com/example/hydra/ema/EmaFactory.class"), "not the same");
    }
    try (RunningTraining training =
        RunningTraining.start(folder, "run", "--set", "plugins.signers=[\"" + trusted + "\"]")) {
      refused(training, unsigned, "is not signed with a certificate in plugins.signers");
      refused(training, stranger, "is not signed with a certificate in plugins.signers");
      refused(training, extended, "added.txt is not signed");
      refused(training, changed, "SHA-256 digest error");
      assertEquals("blocks.0.mixer " + BUILT, training.mixers().get(0));
      Hydra.Result swapped = training.plugins("swap", good.toString());
      assertEquals(0, swapped.exitCode(), swapped.toString());
    }
  }

  @Test
  void aLongPathAndADyingClientDoNoHarm() throws Exception {
    String deep = "a-folder-with-a-long-name/".repeat(5) + "run";
    Files.createDirectories(folder.resolve(deep));
    Path jar = EmaVersion.write(folder.resolve("ema2.jar"), "1.1.0");
    try (RunningTraining training = RunningTraining.start(folder, deep)) {
      for (int i = 0; i < 3; i++) {
        Process client = training.startPlugins("swap", jar.toString());
        Thread.sleep(400L * (i + 1));
        client.destroyForcibly().waitFor();
      }
      training.advance(2);
      assertEquals(2, training.mixers().size());
    }
  }
}
