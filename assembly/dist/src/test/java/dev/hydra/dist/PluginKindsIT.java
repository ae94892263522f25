package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.dist.probe.GrowingFactory;
import dev.hydra.dist.probe.HalvingFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plugins that are not components: a jar of somebody else brings a schedule. */
class PluginKindsIT {
  private static final String CONFIG =
      """
      model {
        width = 16, depth = 1
        block.paths = [
          { mixer { type = full, heads = 2 } }
          { ffn { type = swiglu, hidden = 16 } }
        ]
      }
      data { files = [corpus.txt], sequence-length = 16, validation-fraction = 0 }
      optimizer { learning-rate = 8e-3, schedule = halving }
      trainer { steps = 6, batch-size = 2, log-every = 1, sample { prompt = "" } }
      """;

  @TempDir Path folder;
  private Path plugins;

  @BeforeEach
  void files() throws IOException {
    Files.writeString(folder.resolve("halving.conf"), CONFIG);
    Files.writeString(folder.resolve("corpus.txt"), "one two three four five\n".repeat(100));
    plugins = Files.createDirectory(folder.resolve("more"));
    schedule("halving", HalvingFactory.class).writeTo(plugins.resolve("halving.jar"));
  }

  private static TestBundle schedule(String type, Class<?> factory) {
    return TestBundle.plugin(type, factory).with("Import-Package", "dev.hydra.api,dev.hydra.optim");
  }

  private Hydra.Result run(String... arguments) throws Exception {
    return Hydra.withPlugins(plugins, folder).in(folder).run(arguments);
  }

  private static void assertRefused(Hydra.Result result, String message) {
    assertEquals(2, result.exitCode(), result.toString());
    assertThat(String.join("\n", result.err())).as(result.toString()).contains(message);
  }

  private List<Double> rates(String run) throws IOException {
    List<Double> rates = new ArrayList<>();
    for (Map<String, Object> line : Metrics.of(folder.resolve(run), "step")) {
      rates.add(((Number) line.get("learning_rate")).doubleValue());
    }
    return rates;
  }

  @Test
  void aRunFollowsAScheduleOfSomebodyElse() throws Exception {
    Hydra.Result trained = run("train", "halving.conf", "--run-dir", "run");
    assertEquals(0, trained.exitCode(), trained.toString());
    assertEquals(List.of(8e-3, 8e-3, 4e-3, 4e-3, 2e-3, 2e-3), rates("run"));
    String journal = Files.readString(folder.resolve("run/journal.jsonl"));
    assertThat(journal).contains("plugin.halving 1.2.3");
    Hydra.Result other =
        run(
            "train",
            "halving.conf",
            "--run-dir",
            "other",
            "--set",
            "optimizer.schedule={type=halving,every=3}");
    assertEquals(0, other.exitCode(), other.toString());
    assertEquals(List.of(8e-3, 8e-3, 8e-3, 4e-3, 4e-3, 4e-3), rates("other"));
  }

  @Test
  void wrongNamesAndOptionsAreRefusedWithTheNearest() throws Exception {
    assertRefused(
        run("config", "check", "halving.conf", "--set", "optimizer.schedule=halvin"),
        "unknown schedule \"halvin\"; did you mean \"halving\"? Known: constant, cosine, halving,"
            + " inverse-sqrt, linear, wsd");
    assertRefused(
        run("config", "check", "halving.conf", "--set", "optimizer.schedule={type=halving,evry=3}"),
        "unknown key \"evry\"; did you mean \"every\"?");
    assertRefused(
        run("config", "check", "halving.conf", "--set", "optimizer.type=halving"),
        "unknown optimizer \"halving\". Known: adamw, lion, muon");
    assertRefused(
        run("plugins", "describe", "halvng"),
        "unknown name \"halvng\"; did you mean \"halving\"? Known: ");
  }

  @Test
  void twoOfOneNameAreRefusedOnlyWhereTheyAreUsed() throws Exception {
    schedule("halving", HalvingFactory.class)
        .with("Bundle-SymbolicName", "plugin.rival")
        .writeTo(plugins.resolve("rival.jar"));
    assertRefused(
        run("config", "check", "halving.conf"),
        "several plugins offer the schedule halving; keep one of them: [");
    Hydra.Result other =
        run("config", "check", "halving.conf", "--set", "optimizer.schedule=linear");
    assertEquals(0, other.exitCode(), other.toString());
  }

  @Test
  void allKindsAreListedAndDescribed() throws Exception {
    List<String> lines = run("plugins", "list").out();
    for (String line :
        List.of(
            "mixer +mamba2 +dev.hydra.mixer.mamba .*",
            "optimizer +adamw +dev.hydra.optim .*",
            "schedule +halving +plugin.halving 1.2.3",
            "source +text +dev.hydra.data .*",
            "tokenizer +byte +dev.hydra.data .*")) {
      assertThat(lines).as(line + " in " + lines).anyMatch(each -> each.matches(line));
    }
    Map<String, Object> json = JSON.std.mapFrom(run("plugins", "list", "--json").out().get(0));
    assertThat(json.toString()).contains("kind=schedule, type=halving");
    assertEquals(
        List.of(
            "| option | type | default | meaning |",
            "|---|---|---|---|",
            "| `every` | whole number (at least 1) | 2 | steps between two halvings |"),
        run("plugins", "describe", "halving").out());
  }

  @Test
  void schedulesAreVerified() throws Exception {
    Hydra.Result sound = run("plugins", "verify", plugins.resolve("halving.jar").toString());
    assertEquals(0, sound.exitCode(), sound.toString());
    assertThat(sound.out().get(0))
        .as(sound.toString())
        .startsWith("schedule halving of plugin.halving 1.2.3+");
    Path jar = folder.resolve("growing.jar");
    schedule("growing", GrowingFactory.class).writeTo(jar);
    Hydra.Result broken = run("plugins", "verify", jar.toString());
    assertEquals(1, broken.exitCode(), broken.toString());
    assertEquals(
        "failed: rates between 0 and the highest",
        broken.out().get(broken.out().size() - 1),
        broken.toString());
  }

  @Test
  void theDistributionsOwnAreVerified() throws Exception {
    Hydra.Result result = run("plugins", "verify", Hydra.jar("optim").toString());
    assertEquals(0, result.exitCode(), result.toString());
    assertEquals(8, result.out().stream().filter("all passed"::equals).count());
    Hydra.Result byteTokens =
        run("plugins", "verify", Hydra.jar("data").toString(), "--type", "byte");
    assertEquals(0, byteTokens.exitCode(), byteTokens.toString());
    Hydra.Result text =
        run(
            "plugins",
            "verify",
            Hydra.jar("data").toString(),
            "--type",
            "text",
            "--options",
            "files = [corpus.txt]");
    assertEquals(0, text.exitCode(), text.toString());
  }
}
