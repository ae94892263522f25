package dev.hydra.cli.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.UsageException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComparisonTest {
  private static final String CONFIG = "model { width = 16, paths = [{ gate = 1 }] }";

  @TempDir Path folder;

  private Path run(String name, String config, int steps, int tokens, double bits)
      throws IOException {
    return RunFiles.make(folder.resolve(name), config, steps, tokens, bits);
  }

  private static String print(Comparison comparison) {
    StringWriter text = new StringWriter();
    PrintWriter out = new PrintWriter(text, true);
    comparison.tables().forEach(table -> table.print(out));
    return text.toString();
  }

  private static Map<?, ?> map(Object value) {
    return (Map<?, ?>) value;
  }

  @Test
  void comparesAtTheMostStepsTokensAndSecondsThatAllHaveDone() throws IOException {
    Path a = run("a", CONFIG, 100, 8, 4);
    Path b = run("b", CONFIG, 60, 20, 3);
    Map<String, Object> json = RunFiles.compare(a, b).json();
    List<?> equal = Json.list(json, "equal");
    assertEquals(3, equal.size());
    assertEquals(Map.of("a", 3.4, "b", 2.4), map(equal.get(0)).get("values"), "at step 60 of both");
    assertEquals("tokens", map(equal.get(1)).get("axis"));
    assertEquals(800.0, map(equal.get(1)).get("at"));
    assertEquals(Map.of("a", 3.0, "b", 2.6), map(equal.get(1)).get("values"), "steps 100 and 40");
    assertEquals(60.0, map(equal.get(2)).get("at"));
    assertThat(print(RunFiles.compare(a, b)))
        .contains("linear interpolation", "bits per byte, kjv, at 800 tokens  3.0000  2.6000");
  }

  @Test
  void scoresOfOtherAmountsOfTextAreSaidToBe() throws IOException {
    Path a = run("a", CONFIG, 40, 8, 4);
    Path b = run("b", CONFIG, 40, 8, 3);
    assertThat(print(RunFiles.compare(a, b))).doesNotContain("more or less text");
    RunFiles.add(a, "validation", 60, "\"set\":\"kjv\",\"bits_per_byte\":2.0,\"scored_bytes\":9");
    assertThat(print(RunFiles.compare(a, b))).contains("more or less text");
  }

  @Test
  void changesOfEachRunHaveARowAndAreMarked() throws IOException {
    Path a = run("a", CONFIG, 40, 8, 4);
    Path b = run("b", CONFIG, 40, 8, 3);
    assertThat(print(RunFiles.compare(a, b))).doesNotContain("stages", "swaps");
    String place = "\"tokens\":160,\"seconds\":20";
    RunFiles.add(a, "stage", 0, place + ",\"stage\":\"short\"");
    RunFiles.add(a, "stage", 20, place + ",\"stage\":\"long\"");
    RunFiles.add(b, "swap", 10, place);
    RunFiles.add(b, "swap", 30, place);
    RunFiles.add(b, "rollback", 30, place);
    Comparison comparison = RunFiles.compare(a, b);
    assertThat(print(comparison))
        .containsPattern("stages, from step +short 0; long 20 +-\\n")
        .containsPattern("swaps, after step +- +10; 30\\n")
        .containsPattern("rollbacks, after step +- +30\\n");
    assertThat(comparison.html())
        .contains("class=\"mark c0\"", "class=\"mark c1\"", "<title>b: swap after step 10 ")
        .doesNotContain(">long</text>");
    assertThat(RunFiles.compare(a).html()).contains("class=\"mark\"", ">long</text>");
  }

  @Test
  void figuresAreThoseOfTheMetrics() throws IOException {
    Map<String, Object> json = RunFiles.compare(run("a", CONFIG, 40, 8, 4)).json();
    Map<?, ?> figures = map(Json.list(json, "runs").get(0));
    assertEquals(1500L, figures.get("parameters"));
    assertEquals(40L, figures.get("steps"));
    assertEquals(320L, figures.get("tokens"));
    assertEquals(8L, figures.get("tokens_per_second"), "the slow first step changes nothing");
    assertEquals(0.125, figures.get("data_wait"));
    assertEquals(320L * 3000, figures.get("training_flops"));
    assertEquals(3.6, map(map(figures.get("validation")).get("kjv")).get("bits_per_byte"));
    assertThat(json).containsKey("config");
  }

  @Test
  void configurationsAreComparedKeyByKeyAndNotShortenedInJson() throws IOException {
    String text = "x".repeat(200);
    Path a = run("a", "model { width = 16, paths = [{ gate = 1 }] }, vars.x = 1", 20, 8, 4);
    Path b =
        run("b", "model { width = 16, paths = [{ gate = 1 }, { at = " + text + " }] }", 20, 8, 4);
    Comparison comparison = RunFiles.compare(a, b);
    Map<?, ?> only = map(Json.list(comparison.json(), "differences").get(0));
    assertEquals(1, Json.list(comparison.json(), "differences").size());
    assertEquals("model.paths[1].at", only.get("key"));
    assertEquals(text, map(only.get("values")).get("b"));
    assertThat(map(only.get("values")).get("a")).isNull();
    assertThat(print(comparison)).contains("not set").doesNotContain(text);
    assertThat(comparison.html()).contains(text);
  }

  @Test
  void otherTokenizersMakeLossesIncomparable() throws IOException {
    Path a = run("a", "data.tokenizer.type = bytes", 10, 8, 4); // too short to be scored
    Path b = run("b", "data.tokenizer.type = hf", 10, 8, 4);
    Comparison comparison = RunFiles.compare(a, b);
    assertEquals(false, comparison.json().get("same_tokenizer"));
    assertThat(print(comparison)).contains("training loss, at 10 steps", "cannot be compared");
  }

  @Test
  void aRunWithoutMetricsIsShownAsSuch() throws IOException {
    Comparison comparison = RunFiles.compare(run("a", CONFIG, 0, 8, 4), run("b", CONFIG, 40, 8, 4));
    assertThat(print(comparison)).contains("parameters").contains("-");
    assertThat(comparison.html()).contains("<svg");
    Comparison empty = RunFiles.compare(folder.resolve("a"));
    assertThat(empty.html()).doesNotContain("<svg").contains("Run a");
    assertThat(Json.line(empty.json())).contains("\"validation\":{}");
  }

  @Test
  void whatIsNoRunIsRefused() throws IOException {
    Path run = run("a", CONFIG, 20, 8, 4);
    refused("there is no folder", run, folder.resolve("none"));
    refused("is named twice", run, folder.resolve("./a"));
    refused("is not a folder", run.resolve("config.conf"));
    Files.delete(run.resolve("metrics.jsonl"));
    refused("there is no metrics.jsonl in it", run);
    refused("there is no config.conf in it", folder);
  }

  private static void refused(String message, Path... folders) {
    assertThatThrownBy(() -> RunFiles.compare(folders))
        .as(Arrays.toString(folders))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining(message);
  }

  @Test
  void runsOfOneNameAreToldApartByTheirPaths() throws IOException {
    Comparison comparison =
        RunFiles.compare(run("x/run", CONFIG, 20, 8, 4), run("y/run", CONFIG, 20, 8, 4));
    assertThat(comparison.runs().get(0).name()).endsWith("x/run");
    assertThat(comparison.runs().get(1).name()).endsWith("y/run");
  }
}
