package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands of the distribution, as a user runs them. */
class CommandLineIT {
  /** The smallest Hydra: every role, a few thousand parameters. */
  private static final String CONFIG =
      """
      model {
        width = 16, depth = 2
        block {
          topology = parallel
          paths = [
            { mixer { type = mamba2, state = 8, head-dim = 8 } }
            { mixer { type = sparse-global, heads = 2, window = 16, global-every = 8 }, at = 1 }
            { ffn { type = moe, experts = 4, hidden = 16,
                    router { type = chunk-topk, chunk = 8, top-k = 2 } }, gate = 0.5 }
            { memory { type = workspace, slots = 4, dim = 8, heads = 2, chunk = 8 }, gate = learned }
            { memory { type = pkm, keys = 8, key-dim = 8, value-dim = 16, heads = 2, top-k = 2 },
              gate = learned, at = 1 }
          ]
        }
      }
      data { files = [corpus.txt], sequence-length = 32, validation-fraction = 0.1 }
      trainer {
        steps = 6, batch-size = 2
        evaluation { windows = 4 }
        sample { prompt = "one", tokens = 8 }
      }
      """;

  @TempDir Path folder;

  @BeforeEach
  void files() throws IOException {
    Files.writeString(folder.resolve("tiny.conf"), CONFIG);
    Files.writeString(folder.resolve("corpus.txt"), "one two three four five\n".repeat(400));
  }

  private Hydra hydra() {
    return new Hydra(Hydra.HOME.resolve("bin/hydra"), folder).in(folder);
  }

  private Hydra.Result run(String... arguments) throws Exception {
    return hydra().run(arguments);
  }

  private Hydra.Result ok(String... arguments) throws Exception {
    Hydra.Result result = run(arguments);
    assertEquals(0, result.exitCode(), result.toString());
    return result;
  }

  private Hydra.Result train(String name, String... more) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("train", "tiny.conf", "--run-dir", name));
    arguments.addAll(List.of(more));
    return ok(arguments.toArray(String[]::new));
  }

  @Test
  void trainsEvaluatesAndGenerates() throws Exception {
    Hydra.Result trained = train("run");
    String out = String.join("\n", trained.out());
    assertThat(out).contains("bits per byte on");
    assertThat(out).contains("sample: one");
    assertThat(out).contains("written to " + folder.toRealPath().resolve("run"));
    assertEquals(6, Metrics.of(folder.resolve("run"), "step").size());
    assertThat(folder.resolve("run/checkpoints/step-000006/manifest.json")).exists();

    Map<String, Object> score = json(ok("eval", "--model", "run", "--json"));
    List<String> observed = ok("eval", "--model", "run", "--windows", "4", "--observe").out();
    assertThat(observed).anyMatch(l -> l.matches("blocks.0.ffn.router.load +(0\\.\\d+ ?){4}"));
    assertThat(observed).anyMatch(l -> l.startsWith("blocks.1.memory2.usage"));

    double bits = ((Number) score.get("bits_per_byte")).doubleValue();
    assertTrue(bits > 0 && bits < 9, score.toString());

    String[] generate = {
      "generate", "--model", "run", "--prompt", "one", "-n", "12", "--seed", "3", "--json"
    };
    Map<String, Object> first = json(ok(generate));
    assertEquals(12, ((List<?>) first.get("tokens")).size());
    assertEquals(first, json(ok(generate)));
    Map<String, Object> byTokens =
        json(
            ok(
                "generate",
                "--model",
                "run/checkpoints/step-000006",
                "--tokens",
                "[111,110,101]",
                "-n",
                "12",
                "--seed",
                "3",
                "--json"));
    assertEquals(first, byTokens);
  }

  @Test
  void scoresTokens() throws Exception {
    train("run", "--set", "trainer.steps=1");
    Files.writeString(folder.resolve("tokens.json"), "[[111,110,101,32],[116],[116,119]]");
    String[] score = {"score", "--model", "run", "--tokens", "tokens.json", "--json"};
    Map<String, Object> line = json(ok(score));
    List<?> logprobs = (List<?>) line.get("logprobs");
    assertEquals(List.of(3, 0, 1), logprobs.stream().map(each -> ((List<?>) each).size()).toList());
    double sum =
        logprobs.stream()
            .flatMap(each -> ((List<?>) each).stream())
            .mapToDouble(each -> ((Number) each).doubleValue())
            .sum();
    double loss = ((Number) line.get("loss")).doubleValue();
    assertEquals(-sum / 4, loss, 1e-9);
    assertTrue(loss > 3 && loss < 7, "after one step near ln 256 = 5.5: " + loss);

    for (List<String> wrong :
        List.of(
            List.of("[1, 2]", "[0] is not an array"),
            List.of("[[1, \"a\"]]", "[0][1] is a, not a whole number"),
            List.of("[[1, null]]", "[0][1] is null, not a whole number"),
            List.of("[[1, 2], [1.5, 2]]", "[1][0] is 1.5, not a whole number"),
            List.of("[[2147483648, 1]]", "[0][0] is 2147483648, and no vocabulary"),
            List.of("[[300, 1]]", "300"),
            List.of("[[1]]", ""),
            List.of("[]", ""),
            List.of("[[1, 2]] [[3, 4]]", "there is more after its end"),
            List.of("{", "this is not JSON"))) {
      Files.writeString(folder.resolve("tokens.json"), wrong.get(0));
      Hydra.Result result = run(score);
      assertEquals(2, result.exitCode(), wrong + ": " + result);
      String said = String.join("\n", result.err());
      assertThat(said).contains("tokens.json").contains(wrong.get(1));
    }
  }

  private static Map<String, Object> json(Hydra.Result result) throws IOException {
    return JSON.std.mapFrom(result.out().get(result.out().size() - 1));
  }

  @Test
  void resumesWhereTheOtherRunWouldBe() throws Exception {
    train("whole");
    train("parts", "--set", "trainer.steps=6", "--set", "trainer.checkpoint.every=3");
    deleteAfter(folder.resolve("parts"), 3);
    ok("train", "--resume", "--run-dir", "parts");
    assertEquals(losses("whole"), losses("parts"));
  }

  /** As if the process had been killed after a step. */
  private static void deleteAfter(Path run, int step) throws IOException {
    Path last = run.resolve("checkpoints/step-000006");
    assertThat(run.resolve(String.format("checkpoints/step-%06d", step))).exists();
    Files.delete(last.resolve("manifest.json"));
  }

  private List<Object> losses(String run) throws IOException {
    return Metrics.of(folder.resolve(run), "step").stream().map(line -> line.get("loss")).toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"INT", "TERM"})
  void interruptWritesACheckpoint(String signal) throws Exception {
    Hydra hydra = hydra();
    Process process =
        hydra.start("train", "tiny.conf", "--run-dir", "run", "--set", "trainer.steps=100000");
    while (!Files.exists(folder.resolve("run/metrics.jsonl"))) {
      assertTrue(process.isAlive(), () -> String.valueOf(errors(hydra)));
      Thread.sleep(50);
    }
    Signals.send(signal, process);
    int expected = signal.equals("INT") ? 130 : 143;
    assertEquals(expected, process.waitFor(), () -> String.valueOf(errors(hydra)));
    assertThat(String.join("\n", hydra.err())).contains("hydra train --resume --run-dir run");
    String journal = Files.readString(folder.resolve("run/journal.jsonl"));
    assertThat(journal).contains("\"interrupted\"");
    ok("eval", "--model", "run", "--windows", "1");
  }

  private static Object errors(Hydra hydra) {
    try {
      return hydra.err();
    } catch (IOException e) {
      return e;
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "train tiny.conf --set trainer.step=3 | did you mean \"steps\"?",
        "train tiny.conf --set trainer.steps=-3 | must be at least 1",
        "train tiny.conf --set model.width=-16 | model.width: must be at least 1",
        "train tiny.conf --set model.norm=batchnorm | unknown value \"batchnorm\"",
        "train tiny.conf --set data.files=[none.txt] | none.txt",
        "train tiny.conf --set data.files=[empty.txt] | empty",
        "train tinny | there is no configuration tinny",
        "train | name a configuration",
        "train tiny.conf --resume | --resume needs --run-dir",
        "train tiny.conf --device gpu | --device",
        "eval --model nowhere | there is no folder nowhere",
        "generate --model nowhere --temperature -1 | temperature must be at least 0",
        "generate --model nowhere --temperature Infinity | temperature must be at least 0 and finite",
        "generate --model nowhere --max-tokens many | Try 'hydra generate --help'",
        "config check mistyped.conf | mistyped.conf: 3: model.block.paths[0].mixer.type: unknown"
            + " mixer type \"mambo2\"; did you mean \"mamba2\"?",
        "config check misspelt.conf | misspelt.conf: 3: model.block.paths[0].mixer.stat: unknown"
            + " key \"stat\"; did you mean \"state\"?",
        "frain | Unmatched argument",
      })
  void mistakesAreSaidInOneMessageWithCode2(String arguments, String expected) throws Exception {
    Files.writeString(folder.resolve("empty.txt"), "");
    model("mistyped.conf", "type = mambo2");
    model("misspelt.conf", "type = mamba2, stat = 8");
    Hydra.Result result = run(arguments.split(" "));
    String err = String.join("\n", result.err());
    assertEquals(2, result.exitCode(), err);
    assertThat(err).contains(expected);
    assertThat(err).doesNotContain("\tat ");
    assertThat(folder.resolve("runs")).as("nothing is written").doesNotExist();
  }

  private void model(String name, String mixer) throws IOException {
    Files.writeString(
        folder.resolve(name),
        "model { width = 16, depth = 1, block {\n  paths = [\n    { mixer { "
            + mixer
            + " } } ] } }");
  }

  @Test
  void mishapsAreSaidWithCode1() throws Exception {
    train("run", "--set", "trainer.steps=2");
    Hydra.Result again = run("train", "tiny.conf", "--run-dir", "run");
    assertEquals(2, again.exitCode());
    assertThat(String.join("\n", again.err())).contains("holds a run already");

    Path model = folder.resolve("run/checkpoints/step-000002/model.safetensors");
    byte[] bytes = Files.readAllBytes(model);
    bytes[bytes.length - 1] ^= 1;
    Files.write(model, bytes);
    Hydra.Result damaged = run("eval", "--model", "run");
    assertEquals(1, damaged.exitCode());
    assertThat(String.join("\n", damaged.err())).contains("model.safetensors is damaged");

    Files.writeString(folder.resolve("file"), "");
    Hydra.Result unwritable = run("train", "tiny.conf", "--run-dir", "file/run");
    assertEquals(1, unwritable.exitCode());
    assertThat(String.join("\n", unwritable.err())).contains("choose another with --run-dir");
  }

  @Test
  void cudaThatIsNotThereIsSaid() throws Exception {
    if (String.join("\n", ok("doctor").out()).contains("CUDA: forward and backward right")) {
      return; // it is there
    }
    Hydra.Result result = run("train", "tiny.conf", "--device", "cuda", "--run-dir", "run");
    assertEquals(1, result.exitCode());
    assertThat(String.join("\n", result.err())).as(result.toString()).contains("hydra doctor");
    assertThat(folder.resolve("run")).doesNotExist();
  }

  @Test
  void inspectsTheBlueprint() throws Exception {
    Map<String, Object> account = json(ok("inspect", "models/hydra-1.6b", "--json"));
    double parameters = ((Number) account.get("parameters")).doubleValue();
    assertEquals(1.60e9, parameters, 0.016e9);
    assertTrue(((Number) account.get("active_parameters")).doubleValue() < 0.7 * parameters);
    double sum = 0;
    for (Object role : ((Map<?, ?>) account.get("roles")).values()) {
      sum += ((Number) ((Map<?, ?>) role).get("parameters")).doubleValue();
    }
    assertEquals(parameters, sum);
  }

  @Test
  void costsAtAnyLengthAreNumbers() throws Exception {
    String lengths = "1000000000000,9223372036854775807";
    String account =
        String.join("\n", ok("inspect", "models/hydra-29m", "--json", "--lengths", lengths).out());
    assertThat(account).doesNotContain(":-").doesNotContainIgnoringCase("nan", "infinity");
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny", "29m"})
  void baselinesAreOfEqualSize(String size) throws Exception {
    double hydra = parameters("hydra-" + size);
    assertEquals(1, parameters("transformer-" + size) / hydra, 0.02);
    assertEquals(1, parameters("mamba2-" + size) / hydra, 0.02);
  }

  private double parameters(String model) throws Exception {
    Map<String, Object> account = json(ok("inspect", "models/" + model, "--json"));
    return ((Number) account.get("parameters")).doubleValue();
  }

  @Test
  void showsWhatThereIs() throws Exception {
    String plugins = String.join("\n", ok("plugins", "list").out());
    for (String type :
        List.of(
            "mamba2", "full", "sparse-global", "swiglu", "moe", "chunk-topk", "workspace", "pkm")) {
      assertThat(plugins).contains(" " + type + " ");
    }
    assertThat(String.join("\n", ok("--version").out())).contains("LibTorch 2.10");
    assertThat(String.join("\n", ok("train", "--help").out())).contains("--resume");
    assertThat(String.join("\n", ok("generate-completion").out())).contains("complete -F");
    assertThat(String.join("\n", ok("config", "show", "quickstart").out()))
        .contains("sparse-global");
    ok("config", "check", "quickstart");
  }
}
