package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static dev.hydra.cli.CommandLineRunner.withInput;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Training, and what can be done with a run folder afterwards. */
class TrainedModelTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  static Path folder;

  private static CommandLineRunner.Outcome trained = new CommandLineRunner.Outcome(-1, "", "");
  private static Path run = Path.of("");

  @BeforeAll
  static void train() throws IOException {
    run = folder.resolve("run");
    trained = run("train", TinyModel.write(folder), "--run-dir", run, "--device", "cpu").done();
  }

  @Test
  void trainingSaysWhatItDoes() {
    assertThat(trained.err())
        .containsPattern("tiny.conf: [0-9,]+ parameters, \\w+ on cpu")
        .containsPattern("text: 9,600 tokens, [0-9,]+ training windows; run folder: ")
        .containsPattern("(?m)^step 2/2  loss \\d\\.\\d{3} ")
        .contains("checkpoint " + run);
    assertThat(trained.out())
        .containsPattern("validation: \\d\\.\\d{4} bits per byte on [0-9,]+ held-out bytes")
        .contains("sample: one")
        .contains("written to " + run)
        .contains("more text: hydra generate --model " + run);
  }

  @Test
  void aUsedFolderIsNotOverwritten() {
    run("train", folder.resolve("tiny.conf"), "--run-dir", run)
        .refused(2, run + " holds a run already; add --resume, or choose another --run-dir");
  }

  @Test
  void aRunGoesOn() throws IOException {
    Path own = copy("resumed once");
    var resumed =
        run("train", "--resume", "--run-dir", own, "--set", "trainer.steps=4", "--device", "cpu");
    assertThat(resumed.done().err()).contains("resuming after step 2").contains("step 4/4");
    assertThat(resumed.out()).contains("hydra generate --model '" + own + "' --prompt");
    run("train", "--resume", "--run-dir", own, "--set", "trainer.steps=3", "--device", "cpu")
        .refused(2, "trainer.steps is 3, but 4 steps are done: a run cannot go back");
    assertThat(Files.readAllLines(own.resolve("metrics.jsonl")))
        .filteredOn(line -> line.startsWith("{\"kind\":\"step\""))
        .hasSize(4);
  }

  @Test
  void evaluatesForPeopleAndPrograms() throws IOException {
    Map<String, Object> json = json("eval", "--model", run, "--json", "--observe");
    double bits = ((Number) json.get("bits_per_byte")).doubleValue();
    double loss = ((Number) json.get("loss")).doubleValue();
    assertThat(bits).isCloseTo(loss / Math.log(2), within(1e-9));
    assertThat(json).containsKeys("tokens", "observations");
    assertThat(run("eval", "--run-dir", run).done().out())
        .contains(String.format("loss %.4f nats per token, %.4f bits per byte", loss, bits));
  }

  @Test
  void filesAreScoredFromTheFirstTokenToTheLastByTheirNames() throws IOException {
    Path one = Files.writeString(folder.resolve("one.txt"), "abc".repeat(40));
    Path two = Files.writeString(folder.resolve("two.txt"), "xy");
    assertThat(run("eval", "--model", folder.resolve("run"), one, two).done().out())
        .contains(one + ": loss", "119 tokens, 119 bytes", two + ": loss", "1 token, 1 byte,");
    run("eval", "--model", folder.resolve("run"), "none.txt").refused(2, "there is no file none");
  }

  @Test
  void filesOfEveryKindAreScoredInTheirOrder() throws IOException {
    Path texts = Files.createDirectories(folder.resolve("texts"));
    Files.writeString(texts.resolve("b.txt"), "two");
    Files.writeString(texts.resolve("a.txt"), "one");
    Path last = Files.writeString(folder.resolve("a.txt"), "xy");
    assertThat(run("eval", "--model", run, texts, last).done().out().lines())
        .satisfiesExactly(
            line -> assertThat(line).contains(texts + ": loss", "5 tokens, 5 bytes"),
            line -> assertThat(line).contains(last + ": loss"));
    Path lines = Files.writeString(folder.resolve("lines.jsonl"), "{\"body\":\"abc\"}\n".repeat(2));
    run("eval", "--model", run, lines).refused(2, "hydra eval: --source jsonl --field NAME");
    assertThat(
            run("eval", "--model", run, lines, "--source", "jsonl", "--field", "body").done().out())
        .contains(lines + ": loss", "5 tokens, 5 bytes");
    run("eval", "--model", run, lines, "--source", "jsnl").refused(2, "did you mean \"jsonl\"?");
    run("eval", "--model", run, lines, "--field", "body").refused(2, "--field needs --source");
    run("eval", "--model", run, "--source", "jsonl").refused(2, "how a FILE is read: name one");
    Path chats =
        Files.writeString(
            folder.resolve("chats.jsonl"),
            "{\"messages\":[{\"role\":\"assistant\",\"content\":\"abc\"}]}\n");
    run("eval", "--model", run, chats, "--source", "chat").refused(2, "chat template");
    Path tuned = copy("with a template");
    Files.writeString(
        Files.createDirectories(tuned.resolve("tokenizer")).resolve("chat_template.jinja"),
        "{% for m in messages %}{{ m.role }}:{% generation %}{{ m.content }}{% endgeneration %}"
            + "{% endfor %}");
    assertThat(run("eval", "--model", tuned, chats, "--source", "chat").done().out())
        .contains(chats + ": loss", "3 tokens, 3 bytes");
  }

  /** Programs find every set at one place, with all that people are told. */
  @Test
  void scoresForProgramsHaveOneForm() throws IOException {
    Map<String, Object> alone = json("eval", "--model", run, "--json");
    assertThat(alone).containsKeys("loss", "bits_per_byte", "perplexity", "tokens", "bytes");
    Map<String, Object> set = new LinkedHashMap<>(alone);
    set.remove("sets");
    assertThat(alone).containsEntry("sets", Map.of("held-out", set));
  }

  @Test
  void theLastEvaluationIsBounded() throws IOException {
    Path config = TinyModel.write(Files.createDirectories(folder.resolve("bounded")));
    Path own = folder.resolve("bounded/run");
    String limit = "trainer.evaluation.final-windows=";
    Object[] train = {"train", config, "--run-dir", own, "--device", "cpu", "--set", limit + 4};
    assertThat(run(train).done().out())
        .contains("on 128 held-out bytes, 4 of 30 windows (all: hydra eval --model " + own + ")");
    assertThat(run("eval", "--model", own).done().out()).contains("959 bytes, 30 of 30 windows");
    train[3] = folder.resolve("bounded/all");
    train[7] = limit + 0;
    assertThat(run(train).done().out()).contains("on 959 held-out bytes\n");
  }

  @Test
  void nothingHeldOutCannotBeScored() {
    run("eval", "--model", run, "--set", "data.validation-fraction=0")
        .refused(2, "nothing is held out; --set data.validation-fraction=0.05");
  }

  @Test
  void generatesTheSameTwice() throws IOException {
    Object[] generate = {
      "generate", "--model", run, "-p", "one", "-n", "9", "--seed", "3", "--json"
    };
    Map<String, Object> first = json(generate);
    assertThat((List<?>) first.get("tokens")).hasSize(9);
    assertThat(first.get("text")).isInstanceOf(String.class);
    assertThat(json(generate)).isEqualTo(first);
    assertThat(
            json(
                "generate",
                "--model",
                run,
                "--tokens",
                "[111,110,101]",
                "-n",
                "9",
                "--seed",
                "3",
                "--json"))
        .isEqualTo(first);
    generate[7] = "--top-k";
    generate[8] = "1";
    assertThat(json(generate)).isNotEqualTo(first);
  }

  @Test
  void textIsPrintedAsItIsDrawn() throws IOException {
    Object[] generate = {"generate", "--model", run, "-p", "one two", "-n", "5"};
    String text = run(generate).done().out();
    Object[] json = Arrays.copyOf(generate, generate.length + 1);
    json[generate.length] = "--json";
    assertThat(text).isEqualTo(json(json).get("text") + System.lineSeparator());
  }

  @Test
  void aPromptOfOneTokenIsContinuedAndOneOfNoneRefused() throws IOException {
    assertThat((List<?>) generated("", "-p", "o").get("tokens")).hasSize(5);
    assertThat((List<?>) generated("", "--tokens", "[111]").get("tokens")).hasSize(5);
    String message = "the prompt has no token, so there is nothing to continue";
    run("generate", "--model", run, "-p", "").refused(2, message);
    run("generate", "--model", run, "--tokens", "[]").refused(2, message);
  }

  @Test
  void aTextThatNoMemoryWouldHoldIsRefused() throws IOException {
    Path config = TinyModel.write(Files.createDirectories(folder.resolve("attention")));
    String mixer = "{ mixer { type = mamba2, state = 8, head-dim = 8 } }";
    Files.writeString(config, TinyModel.CONFIG.replace(mixer, "{ mixer { type = full } }"));
    Path own = folder.resolve("attention/run");
    run("train", config, "--run-dir", own, "--device", "cpu").done();
    run("generate", "--model", own, "-p", "one", "-n", Integer.MAX_VALUE)
        .refused(
            2, "a text of 2,147,483,639 tokens, 3 of the prompt and 2,147,483,636 to be drawn");
  }

  @Test
  void aTextEndsWhereServersEndIt() throws IOException {
    Object[] generate = {
      "generate",
      "--model",
      run,
      "-p",
      "one",
      "-n",
      "9",
      "--json",
      "--temperature",
      "0",
      "--set",
      ""
    };
    generate[generate.length - 1] = "generation.end-tokens=[]";
    List<?> all = (List<?>) json(generate).get("tokens");
    generate[generate.length - 1] = "generation.end-tokens=[" + all.get(3) + "]";
    assertThat(json(generate).get("tokens")).isEqualTo(all.subList(0, all.indexOf(all.get(3)) + 1));
    Object[] ignoring = Arrays.copyOf(generate, generate.length + 1);
    ignoring[generate.length] = "--ignore-eos";
    assertThat(json(ignoring).get("tokens")).isEqualTo(all);
  }

  @Test
  void scoresTokens() throws IOException {
    Path tokens = Files.writeString(folder.resolve("tokens.json"), "[[111,110,101,32],[116]]");
    Map<String, Object> json = json("score", "--model", run, "--tokens", tokens, "--json");
    assertThat((List<?>) json.get("logprobs"))
        .extracting(row -> ((List<?>) row).size())
        .isEqualTo(List.of(3, 0));
  }

  @Test
  void promptsAndTokensComeFromFilesAndStandardInput() throws IOException {
    Map<String, Object> expected = generated("", "-p", "one");
    Path text = Files.writeString(folder.resolve("prompt.txt"), "\ufeffone");
    Path ids = Files.writeString(folder.resolve("ids.json"), "[111,110,101]");
    assertThat(generated("", "--prompt-file", text)).isEqualTo(expected);
    assertThat(generated("one", "-p", "-")).isEqualTo(expected);
    assertThat(generated("one", "--prompt-file", "-")).isEqualTo(expected);
    assertThat(generated("[111,110,101]", "--tokens", "-")).isEqualTo(expected);
    assertThat(generated("", "--tokens", ids)).isEqualTo(expected);
    assertThat(json("generate", "--model", run, "-p", "@x", "-n", "1", "--json", "--echo"))
        .as("taken as it stands")
        .containsEntry("prompt", List.of((int) '@', (int) 'x'));
    Object[] score = {"score", "--model", run, "--tokens", "-", "--json"};
    assertThat(withInput("[[1,2,3]]", () -> json(score))).containsKey("logprobs");
    run("generate", "--model", run, "--prompt-file", "nowhere").refused(2, "no file nowhere");
    run("generate", "--model", run, "--tokens", "nowhere").refused(2, "--tokens must be an array");
    run("score", "--model", run, "--tokens", "nowhere").refused(2, "--tokens must be an array of");
    run("score", "--model", run, "--tokens", "[1]")
        .refused(2, "--tokens must be an array of arrays");
    run("score", "--model", run, "--tokens", "[[1]]").refused(2, "--tokens has nothing to score");
    run("score", "--model", run, "--tokens", "[[1,256]]")
        .refused(2, "--tokens, sequence 0: token 256 is not in the vocabulary, 0 to 255");
  }

  @Test
  void serveRefusesWhatCannotBe() {
    run("serve", "--model", run, "--port", "70000").refused(2, "--port is 70000");
    run("serve", "--model", run, "--host", "0.0.0.0", "--port", "0")
        .refused(2, "at 0.0.0.0 others can reach the server: give a key");
    run("serve", "--model", run, "--model", run).refused(2, "two models are named run");
    run("serve", "--model", run, "--max-sessions", "0").refused(2, "--max-sessions");
    run("serve", "--model", folder.resolve("nothing")).refused(2, "there is no folder");
    run("serve", "--model", "name=").refused(2, "the name of the model's folder is empty");
    run("serve", "--model", run, "--port", "0", "--swap-dir", run.resolve("config.conf"))
        .refused(2, "--swap-dir names a folder, but");
  }

  @Test
  void generationSaysItsSpeedAndEchoes() throws IOException {
    Object[] generate = {"generate", "--model", run, "-p", "one two", "-n", "5", "--echo"};
    var outcome = run(generate).done();
    assertThat(outcome.out()).startsWith("one two");
    assertThat(outcome.err())
        .matches(
            "5 tokens, the first after [0-9.]+ s \\([0-9.]+ s after the program's start\\),"
                + " then [0-9.,]+ tokens/s\n");
    assertThat(generated("", "-p", "one")).doesNotContainKey("prompt");
    assertThat(json("generate", "--model", run, "-p", "one", "-n", "1", "--json", "--echo"))
        .containsEntry("prompt", List.of(111, 110, 101));
  }

  private static Map<String, Object> generated(String input, String option, Object value)
      throws IOException {
    Object[] generate = {"generate", "--model", run, "-n", "5", "--json", option, value};
    return withInput(input, () -> json(generate));
  }

  @Test
  void aRunIsInspectedAndItsConfigurationShown() {
    assertThat(run("inspect", run).done().out())
        .isEqualTo(run("inspect", run.resolve("config.conf")).done().out());
    assertThat(run("config", "show", run.resolve("checkpoints/step-000002")).done().out())
        .contains("mamba2");
    run("inspect", folder).refused(1, "is neither a checkpoint nor a run folder");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | it is no",
        "[1.5] | [0] is 1.5, not a whole number",
        "[1, \"2\"] | [1] is 2, not a whole number",
        "[4294967296] | [0] is 4294967296, and no vocabulary has as many tokens",
        "[1] [2] | there is more after its end",
        "[1 | JSON",
        "[999] | 999",
        "[-1] | -1",
      })
  void tokensThatAreNoneAreRefused(String tokens, String message) {
    run("generate", "--model", run, "--tokens", tokens).refused(2, message);
  }

  @Test
  void aDamagedCheckpointIsNamedAndTheOneBeforeUsed() throws IOException {
    Path own = copy("damaged");
    run("train", "--resume", "--run-dir", own, "--set", "trainer.steps=3", "--device", "cpu")
        .done();
    Path newest = own.resolve("checkpoints/step-000003/model.safetensors");
    Files.write(newest, new byte[] {1}, StandardOpenOption.APPEND);
    assertThat(json("eval", "--model", own, "--json"))
        .isEqualTo(json("eval", "--model", run, "--json"));
    run("eval", "--model", newest.getParent()).refused(1, "model.safetensors");
  }

  @Test
  void foldersThatHoldNoModelSaySo() throws IOException {
    Path empty = Files.createDirectories(folder.resolve("empty"));
    run("eval", "--model", empty).refused(1, empty + " is neither a checkpoint nor a run folder");
    Path published = Files.createDirectories(folder.resolve("published"));
    Files.writeString(published.resolve("config.json"), "{}");
    run("generate", "--model", published)
        .refused(2, "is a published model; import it first: hydra import hf " + published);
  }

  @Test
  void anotherShapeThanTheCheckpointsIsRefused() {
    String refusal = "model.width is 16 in the checkpoint, 24 here";
    run("generate", "--model", run, "--set", "model.width=24").refused(2, refusal);
    Object[] train = {"train", "--resume", "--run-dir", run, "--set", "model.width=24"};
    var resumed = run(train);
    resumed.refused(2, refusal);
    assertThat(resumed.err()).doesNotContain("parameters,", "training windows");
  }

  private static Map<String, Object> json(Object... arguments) throws IOException {
    return JSON.std.mapFrom(run(arguments).done().out());
  }

  private static Path copy(String name) throws IOException {
    Path to = folder.resolve(name);
    try (var files = Files.walk(run)) {
      for (Path from : files.toList()) {
        Files.copy(from, to.resolve(run.relativize(from).toString()));
      }
    }
    return to;
  }
}
