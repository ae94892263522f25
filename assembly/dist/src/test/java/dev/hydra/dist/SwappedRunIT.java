package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What stays of swaps: jars in the run folder, plugins after a kill, classes in memory. */
class SwappedRunIT {
  @TempDir Path folder;

  private Path version(int number) throws Exception {
    return EmaVersion.write(folder.resolve("ema" + number + ".jar"), "1." + number + ".0");
  }

  @Test
  void jarsPutIntoTheRunAreSwappedIn() throws Exception {
    Path jar = version(1);
    try (RunningTraining training = RunningTraining.start(folder, "run")) {
      Path drop = training.run().resolve("plugins");
      byte[] bytes = Files.readAllBytes(jar);
      Path slow = drop.resolve("slow.jar");
      try (var out = Files.newOutputStream(slow)) { // as a copy over a slow line
        for (int at = 0; at < bytes.length; at += 1 + bytes.length / 4) {
          out.write(bytes, at, Math.min(1 + bytes.length / 4, bytes.length - at));
          out.flush();
          Thread.sleep(300);
        }
      }
      training.until("it is swapped in", () -> training.journal("swap").size() == 1);
      assertEquals("folder", training.journal("plugin").get(0).get("source"));
      Files.writeString(drop.resolve("broken.jar"), "half a downl");
      training.until("it is refused", () -> training.journal("swap-refused").size() == 1);
      Files.copy(version(2), drop.resolve("next.jar.part"), StandardCopyOption.REPLACE_EXISTING);
      Files.move(drop.resolve("next.jar.part"), drop.resolve("next.jar"));
      training.until("the next one too", () -> training.journal("swap").size() == 2);
      assertThat(training.mixers().get(0)).as(training.mixers().toString()).contains("1.2.0+");
      assertThat(training.screen()).anyMatch(line -> line.contains(": swapped blocks.0.mixer"));
    }
  }

  @Test
  void jarsPutBesideTheInstalledOnesAreSwappedIn() throws Exception {
    Path jar = version(1);
    try (RunningTraining training = RunningTraining.start(folder, "run")) {
      training.advance(2);
      Files.copy(jar, folder.resolve("installed/ema-1.1.jar"));
      training.until("it is swapped in", () -> training.journal("swap").size() == 1);
      assertThat(training.mixers().get(1)).as(training.mixers().toString()).contains("1.1.0+");
      assertEquals(1, training.journal("plugin").size(), "what was installed before is left alone");
      training.advance(45); // past a checkpoint
      training.kill();
      try (RunningTraining resumed = training.resume()) {
        assertThat(resumed.mixers().get(1)).as(resumed.mixers().toString()).contains("1.1.0+");
        resumed.advance(2);
        assertEquals(1, resumed.journal("swap").size());
      }
    }
  }

  @Test
  void sitesKeepTheirVersionsWhenARunGoesOn() throws Exception {
    Path first = version(1);
    Path second = // another plugin that offers the same type
        EmaVersion.write(
            folder.resolve("other.jar"), "1.2.0", "Bundle-SymbolicName", "com.example.other");
    List<String> mixers;
    try (RunningTraining training = RunningTraining.start(folder, "run")) {
      swap(training, first.toString(), "--sites", "blocks.0.mixer");
      swap(training, second.toString(), "--sites", "blocks.1.mixer");
      swap(training, "--sites", "blocks.1.mixer", "--set", "horizon=4");
      mixers = training.mixers();
      assertThat(mixers.get(0)).as(mixers.toString()).contains("1.1.0+");
      assertThat(mixers.get(1)).as(mixers.toString()).contains("com.example.other 1.2.0+");
      training.advance(45); // past a checkpoint
      training.kill();
      Files.delete(first);
      Files.delete(second);
      try (RunningTraining resumed = training.resume()) {
        assertEquals(mixers, resumed.mixers());
        resumed.advance(2);
        assertEquals(143, resumed.stop());
      }
      String[] generate = {"generate", "--model", "run", "--prompt", "one", "-n", "3", "--json"};
      Hydra.Result generated = training.ask(generate);
      assertEquals(0, generated.exitCode(), generated.toString());
      assertThat(generated.err()).singleElement().asString().contains("3 tokens"); // no warning
      try (var kept = Files.list(training.run().resolve("swapped"))) {
        for (Path jar : kept.toList()) {
          Files.writeString(jar, "spoilt");
        }
      }
      Hydra.Result spoilt = training.ask(generate);
      assertEquals(1, spoilt.exitCode(), spoilt.toString());
      assertThat(spoilt.err().get(0)).as(spoilt.toString()).contains("is damaged");
    }
  }

  private static void swap(RunningTraining training, String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of("swap"));
    all.addAll(List.of(arguments));
    Hydra.Result result = training.plugins(all.toArray(String[]::new));
    assertEquals(0, result.exitCode(), result.toString());
  }

  @Test
  void aRunThatIsKilledDuringASwapGoesOn() throws Exception {
    try (RunningTraining training = RunningTraining.start(folder, "run")) {
      training.advance(25);
      RunningTraining running = training;
      for (int number = 1; number <= 3; number++) {
        Files.copy(version(number), running.run().resolve("plugins/" + number + ".jar"));
        Thread.sleep(100L + 60L * number); // the quiet time is 150 ms: before, while and after
        running.kill();
        running = running.resume();
        running.advance(2);
        assertEquals(2, running.mixers().size());
      }
      running.advance(2);
      assertEquals(143, running.stop());
    }
  }

  @Test
  void classesOfReplacedVersionsAreCollected() throws Exception {
    try (RunningTraining training =
        RunningTraining.start(folder, "run", "--set", "trainer.swap.guard-steps=0")) {
      long before = classLoaders(training);
      for (int number = 1; number <= 6; number++) {
        Files.copy(version(number), training.run().resolve("plugins/" + number + ".jar"));
        int swaps = number;
        training.until("swap " + swaps, () -> training.journal("swap").size() == swaps);
        training.until(
            "removal " + swaps, () -> training.journal("plugin-removed").size() == swaps);
      }
      training.until("their classes are gone", () -> classLoaders(training) <= before);
    }
  }

  /** Class loaders of bundles in the process, after a collection of garbage. */
  private long classLoaders(RunningTraining training) throws Exception {
    String pid = String.valueOf(training.process().pid());
    String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    Path out = folder.resolve("histogram.txt");
    // without -all the command collects garbage first
    int code =
        new ProcessBuilder(jcmd, pid, "GC.class_histogram")
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start()
            .waitFor();
    assertEquals(0, code, Files.readString(out));
    String row =
        Files.readAllLines(out).stream()
            .filter(line -> line.contains("BundleWiringImpl$BundleClassLoader"))
            .findFirst()
            .orElseThrow(() -> new AssertionError("no bundle has a class loader"));
    return new Scanner(row.substring(row.indexOf(':') + 1)).nextLong();
  }
}
