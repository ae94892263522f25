package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that were trained are compared and reported on, as a user does it. */
class CompareIT {
  private static final String CONFIG =
      """
      model {
        width = 16, depth = 1
        block.paths = [
          { mixer { type = mamba2, state = 8, head-dim = 8 } }
          { ffn { type = moe, experts = 4, hidden = 16, router { type = topk, top-k = 2 } } }
        ]
      }
      data { files = [corpus.txt], sequence-length = 32, validation-fraction = 0.1 }
      trainer {
        steps = 6, batch-size = 2, log-every = 1
        evaluation { every = 2, windows = 4 }
        metrics.observe-every = 2
      }
      """;

  @TempDir Path folder;

  private Hydra.Result run(String... arguments) throws Exception {
    return new Hydra(Hydra.HOME.resolve("bin/hydra"), folder).in(folder).run(arguments);
  }

  private Hydra.Result ok(String... arguments) throws Exception {
    Hydra.Result result = run(arguments);
    assertEquals(0, result.exitCode(), result.toString());
    return result;
  }

  private static Map<?, ?> map(Object value) {
    return (Map<?, ?>) value;
  }

  private Map<String, Object> last(String run, String kind) throws IOException {
    List<Map<String, Object>> lines = Metrics.of(folder.resolve(run), kind);
    return lines.get(lines.size() - 1);
  }

  private void figuresAreThoseOfTheMetrics(String run, Object figures) throws IOException {
    Map<String, Object> step = last(run, "step");
    for (String each : List.of("tokens", "seconds", "loss")) {
      assertEquals(
          ((Number) step.get(each)).doubleValue(),
          ((Number) map(figures).get(each)).doubleValue(),
          each);
    }
    assertEquals(last(run, "model").get("parameters"), map(figures).get("parameters"));
    Map<String, Object> score = last(run, "validation");
    Object bits =
        map(map(map(figures).get("validation")).get(score.get("set"))).get("bits_per_byte");
    assertEquals(score.get("bits_per_byte"), bits);
  }

  @Test
  void comparesTwoRunsAndReportsOnOne() throws Exception {
    Files.writeString(folder.resolve("tiny.conf"), CONFIG);
    Files.writeString(folder.resolve("corpus.txt"), "one two three four five\n".repeat(400));
    ok("train", "tiny.conf", "--run-dir", "a");
    ok("train", "tiny.conf", "--run-dir", "b", "--set", "trainer.steps=4");

    List<String> table = ok("compare", "a", "b", "--html", "both.html").out();
    assertThat(table).anyMatch(line -> line.matches(" +a +b"));
    assertThat(table).anyMatch(line -> line.matches(" +trainer.steps +6 +4"));
    assertThat(Files.readString(folder.resolve("both.html")))
        .contains("<svg", "bits per byte over tokens")
        .doesNotContain("http:", "https:");

    Map<String, Object> json = JSON.std.mapFrom(ok("compare", "a", "b", "--json").out().get(0));
    List<?> runs = (List<?>) json.get("runs");
    figuresAreThoseOfTheMetrics("a", runs.get(0));
    figuresAreThoseOfTheMetrics("b", runs.get(1));
    Map<?, ?> atStep = map(((List<?>) json.get("equal")).get(0));
    assertEquals(4.0, ((Number) atStep.get("at")).doubleValue());
    Map<String, Object> middle =
        Metrics.of(folder.resolve("a"), "validation").stream()
            .filter(line -> ((Number) line.get("step")).longValue() == 4)
            .findFirst()
            .orElseThrow();
    assertEquals(
        Map.of("a", middle.get("bits_per_byte"), "b", last("b", "validation").get("bits_per_byte")),
        atStep.get("values"));

    ok("report", "a", "--html", "a.html");
    assertThat(Files.readString(folder.resolve("a.html")))
        .contains("learning rate", "blocks.0.ffn.router.load");
    Hydra.Result none = run("compare", "a", ".");
    assertEquals(2, none.exitCode(), none.toString());
    assertThat(String.join("\n", none.err()))
        .contains(". is not a run folder: there is no config.conf");
  }
}
