package dev.hydra.cli.swap;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.cli.CommandLineRunner.Outcome;
import dev.hydra.cli.TinyModel;
import dev.hydra.cli.plugins.Bundles;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Commands that change a model in use, over its socket: beside every test {@code generate} runs
 * until nobody reads what it writes.
 */
@Timeout(120)
class LiveModelTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  static Path folder;

  private static Path trained = Path.of("");
  private Path live = Path.of("");
  private final Reader reader = new Reader();
  private CompletableFuture<Outcome> generating = new CompletableFuture<>();

  /** The other end of a pipe. */
  private static final class Reader extends Writer {
    private volatile boolean gone;
    private volatile boolean read;

    @Override
    public void write(char[] text, int from, int length) throws IOException {
      if (gone) {
        throw new IOException("Broken pipe");
      }
      read = true;
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @BeforeAll
  static void train() throws IOException {
    trained = TinyModel.train(folder);
  }

  @BeforeEach
  void generate() throws Exception {
    live = Files.createTempDirectory(folder, "live-");
    String trusted = "plugins.trusted=[" + "a".repeat(64) + "]";
    generating =
        CompletableFuture.supplyAsync(
            () ->
                run(
                    reader,
                    "generate",
                    "--model",
                    trained,
                    "-n",
                    Integer.MAX_VALUE,
                    "--swap-dir",
                    live,
                    "--set",
                    trusted));
    while (!reader.read) {
      assertThat(generating).isNotDone();
      Thread.sleep(5);
    }
  }

  /** Ends the generation, whatever was asked of it meanwhile. */
  @AfterEach
  void end() throws Exception {
    reader.gone = true;
    generating.get().done();
  }

  private static Object[] wider(Path live, int hidden, Object... more) {
    List<Object> all =
        new ArrayList<>(
            List.of(
                "plugins",
                "swap",
                "--run",
                live,
                "--sites",
                "blocks.*.ffn",
                "--policy",
                "drop",
                "--set",
                "hidden=" + hidden));
    all.addAll(List.of(more));
    return all.toArray();
  }

  @Test
  void swapsAreMadeToldUndoneAndWrittenDown() throws Exception {
    assertThat(run("plugins", "list", "--run", live).done().out().lines())
        .hasSize(4)
        .anyMatch(line -> line.matches("blocks\\.1\\.ffn +swiglu \\(.*"));
    String swapped = run(wider(live, 24)).done().out();
    assertThat(swapped)
        .startsWith("swapped after step ")
        .contains("  blocks.0.ffn: swiglu", "  blocks.1.ffn: swiglu")
        .containsPattern("parameters: .*\\d+ initialised \\[.*blocks\\.0\\.ffn")
        .containsPattern("pause \\d+\\.\\d ms, in all ");
    Map<String, Object> undone =
        JSON.std.mapFrom(run("plugins", "rollback", "--run", live, "--json").done().out());
    assertThat(undone).containsEntry("status", "rolled_back");
    run("plugins", "rollback", "--run", live).refused(1, "refused: ");
    end();
    assertThat(generating.get().err())
        .containsPattern("step [0-9,]+: swapped blocks.0.ffn, blocks.1.ffn: swiglu .*, pause ")
        .containsPattern("step [0-9,]+: swap rolled back ");
    assertThat(events()).containsSubsequence("swap", "rollback");
  }

  /** What a page asks for goes the way of the commands, and is in the journal that it shows. */
  @Test
  void pagesChangeItOverTheSameChannel() throws Exception {
    ChannelChanges changes = new ChannelChanges(live);
    Map<String, Object> form =
        Map.of("sites", "blocks.0.ffn, blocks.1.ffn", "config", "hidden = 24", "policy", "drop");
    Map<String, Object> swapped = changes.swap(form);
    assertThat(swapped).containsEntry("status", "switched");
    assertThat(swapped.get("lines").toString()).contains("swapped after step ", "hidden 32 -> 24");
    assertThat(changes.rollback()).containsEntry("status", "rolled_back");
    Map<String, Object> refused = changes.rollback();
    assertThat(refused).containsEntry("status", "refused");
    assertThat(refused.get("lines").toString()).startsWith("[refused: ");
    List<Map<String, Object>> journal = changes.journal();
    assertThat(journal)
        .extracting(event -> event.get("event"))
        .containsSubsequence("rollback", "swap");
    assertThat(journal.toString()).contains("blocks.1.ffn: swiglu", "[hidden 32 -> 24]");
    assertThatThrownBy(() -> changes.swap(Map.of("sites", "blocks.0.ffn")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("name a jar");
  }

  /** Programs may ask what the model is composed of, as it is now. */
  @Test
  void theModelIsDescribedAsItIsNow() throws Exception {
    Map<String, Object> before = ControlClient.ask(live, Map.of("do", "model", "tokens", 32));
    assertThat(before).containsEntry("sequence_length", 32);
    assertThat(before.toString()).contains("site=blocks.1.ffn", "type=swiglu", "hidden=32");
    run(wider(live, 24)).done();
    Map<String, Object> after = ControlClient.ask(live, Map.of("do", "model", "tokens", 32));
    assertThat(after.toString()).contains("hidden=24").doesNotContain("hidden=32");
    assertThat((Integer) after.get("parameters")).isLessThan((Integer) before.get("parameters"));
    assertThat(ControlClient.ask(live, Map.of("do", "model", "tokens", 0)))
        .containsEntry("status", "refused");
  }

  /** The option that changed is said, and the version once. */
  @Test
  void theOptionThatChangedIsSaid() throws Exception {
    assertThat(run(wider(live, 24)).done().out())
        .containsPattern("(?m)^  blocks\\.0\\.ffn: swiglu \\([^()]*\\), hidden \\d+ -> 24$");
    end();
    assertThat(generating.get().err()).contains("), hidden ");
  }

  @Test
  void waitIsForTheVerdict() throws Exception {
    var undone = CompletableFuture.supplyAsync(() -> run(wider(live, 24, "--wait")));
    while (!events().contains("swap")) {
      Thread.sleep(10);
    }
    assertThat(undone).isNotDone();
    run("plugins", "rollback", "--run", live).done();
    undone.get().refused(3, "");
    assertThat(undone.get().out())
        .startsWith("swapped after step ")
        .containsPattern("rolled back after step \\d+: asked for\n$");
    var confirmed = CompletableFuture.supplyAsync(() -> run(wider(live, 32, "--wait", "--json")));
    while (events().stream().filter("swap"::equals).count() < 2) {
      Thread.sleep(10);
    }
    run(wider(live, 40)).done();
    assertThat(confirmed.get().done().out())
        .contains("\"status\":\"switched\"", "\"status\":\"confirmed\"", "another swap")
        .doesNotContain("\"more\"");
    run("plugins", "swap", "--run", live, "--sites", "blocks.*.ffn", "--set", "hidden=8", "--wait")
        .refused(1, "with policy drop");
  }

  /** One after the other, and each is answered about itself. */
  @Test
  void requestsAtOnceAreServedInTurn() throws Exception {
    ExecutorService clients = Executors.newFixedThreadPool(6);
    try {
      List<Callable<Outcome>> requests = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        int hidden = 8 * (i + 2);
        requests.add(() -> run(wider(live, hidden, "--json")));
      }
      List<Map<String, Object>> answers = new ArrayList<>();
      for (Future<Outcome> each : clients.invokeAll(requests)) {
        answers.add(JSON.std.mapFrom(each.get().done().out()));
      }
      assertThat(answers)
          .allSatisfy(answer -> assertThat(answer).containsEntry("status", "switched"));
      assertThat(answers).extracting(answer -> answer.get("step")).doesNotHaveDuplicates();
      assertThat(answers)
          .extracting(answer -> String.valueOf(answer.get("request")))
          .doesNotHaveDuplicates();
    } finally {
      clients.shutdownNow();
    }
    assertThat(events().stream().filter("swap"::equals)).hasSize(6);
  }

  @Test
  void aDryRunChangesNothing() throws Exception {
    String before = run("plugins", "list", "--run", live).done().out();
    assertThat(run(wider(live, 24, "--dry-run")).done().out())
        .startsWith("can be swapped (nothing was changed)");
    assertThat(run("plugins", "list", "--run", live).done().out()).isEqualTo(before);
    assertThat(events()).doesNotContain("swap");
  }

  @Test
  void refusalsSayWhy() throws Exception {
    run("plugins", "swap", "--run", live, "--sites", "blocks.*.ffn", "--set", "hidden=24")
        .refused(1, "refused: ");
    run("plugins", "swap", "--run", live, "--sites", "blocks.9.ffn", "--set", "hidden=24")
        .refused(1, "blocks.9.ffn");
    run("plugins", "swap", "--run", live, "--sites", "blocks.*.ffn", "--set", "hiden=24")
        .refused(1, "did you mean \"hidden\"?");
    run("plugins", "swap", "--run", live, "--sites", "blocks.*.ffn", "--set", "type=swiglo")
        .refused(1, "did you mean \"swiglu\"?");
    Path jar = Bundles.write(folder.resolve("unlisted.jar"), "com.example", "1.0.0");
    run("plugins", "swap", jar, "--run", live).refused(1, jar + " is not trusted: its SHA-256 ");
    assertThat(ControlClient.ask(live, Map.of("do", "dance")))
        .isEqualTo(Map.of("status", "refused", "reason", "there is no request dance"));
    assertThat(ControlClient.ask(live, Map.of("do", "swap", "sites", "all")))
        .containsEntry("status", "refused")
        .extracting("reason")
        .asString()
        .contains("sites must be a list");
    assertThat(events()).doesNotContain("swap").contains("swap-refused");
  }

  /** What lies in the folder goes the same way as what is asked for by a command. */
  @Test
  void jarsInTheFolderAreTaken() throws Exception {
    Path jar = Bundles.write(live.resolve("plugins/dropped.jar"), "com.example", "1.0.0");
    while (events().isEmpty()) {
      Thread.sleep(10);
    }
    end();
    assertThat(Files.readString(live.resolve("journal.jsonl")))
        .containsOnlyOnce("dropped.jar\"")
        .contains("\"source\":\"folder\"", "is not trusted");
    assertThat(jar).exists();
  }

  @Test
  void aFolderInUseIsNotOpenedTwice() {
    run("generate", "--model", trained, "-n", "1", "--swap-dir", live).refused(1, live.toString());
  }

  @Test
  void whenItHasEndedNobodyListens() throws Exception {
    end();
    assertThatThrownBy(() -> ControlClient.ask(live, Map.of("do", "list")))
        .hasMessageStartingWith("no training is running in " + live);
    run("plugins", "list", "--run", live).refused(1, "no training is running in " + live);
  }

  private List<String> events() throws Exception {
    List<String> events = new ArrayList<>();
    Path journal = live.resolve("journal.jsonl");
    if (Files.exists(journal)) {
      for (String line : Files.readAllLines(journal)) {
        events.add(String.valueOf(JSON.std.mapFrom(line).get("event")));
      }
    }
    return events;
  }
}
