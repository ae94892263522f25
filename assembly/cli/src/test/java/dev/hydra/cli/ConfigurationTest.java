package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is read from configurations and {@code --set}, and what is said of mistakes in them. */
class ConfigurationTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  private Path conf = Path.of("");

  @BeforeEach
  void files() throws IOException {
    conf = TinyModel.write(folder);
  }

  @Test
  void checksExperimentsAndModels() throws IOException {
    assertThat(run("config", "check", conf).done().out())
        .isEqualToIgnoringNewLines(conf + ": in order, a training configuration of 2 blocks");
    Path model =
        Files.writeString(
            folder.resolve("model.conf"),
            "model { vocab-size = 7, width = 8, depth = 3, block.paths = [{ ffn = swiglu }] }");
    assertThat(run("config", "check", model).done().out())
        .contains("in order, a model of 3 blocks");
  }

  @Test
  void endingsMayBeLeftOut() {
    run("config", "check", folder.resolve("tiny")).done();
  }

  @Test
  void overridesAreShownAsIfTheyStoodInTheFile() {
    String shown =
        run("config", "show", conf, "--set", "trainer.steps=7", "--set", "data.files=[a,b]")
            .done()
            .out();
    var config = ConfigFactory.parseString(shown);
    assertThat(config.getInt("trainer.steps")).isEqualTo(7);
    assertThat(config.getInt("trainer.batch-size")).isEqualTo(2);
    assertThat(config.getStringList("data.files")).isEqualTo(List.of("a", "b"));
  }

  @Test
  void includesAndSubstitutionsAreResolved() throws IOException {
    Path wide =
        Files.writeString(
            folder.resolve("wide.conf"),
            "include \"tiny.conf\"\nw = 24\nmodel.width = ${w}\ntrainer.steps = ${model.width}");
    var config = ConfigFactory.parseString(run("config", "show", wide).done().out());
    assertThat(config.getInt("model.width")).isEqualTo(24);
    assertThat(config.getInt("trainer.steps")).isEqualTo(24);
    assertThat(config.getInt("model.depth")).isEqualTo(2);
  }

  /** The file is in order without them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model.depth=2 | stage a: 4: model.block.paths[1].at: chooses a block that is not there; there are 2, from 0",
        "model.width=20 | stage a: 3: model.block.paths[0].mixer.head-dim: must divide the inner channels (40), but is 16",
        "trainer.steps=9 | 7: trainer.stages[1]: stage b is the last one and ends with step 8, but trainer.steps is 9;",
        "model.vocab-size=256 | 9: generation.end-tokens: token 260 is not in the vocabulary, 0 to 255;",
      })
  void whatDoesNotFitOverridesIsSaidWithThem(String override, String message) throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("fitting.conf"),
            """
            model { vocab-size = 300, width = 32, depth = 8
              block.paths = [
                { mixer { type = mamba2, state = 8, head-dim = 16 } }
                { ffn { type = swiglu, hidden = 32 }, at = 7 } ] }
            data { files = [corpus.txt], sequence-length = 32 }
            trainer { steps = 8, batch-size = 2, stages = [
              { name = a, until = 4 }, { name = b, until = 8 } ] }
            optimizer.learning-rate = 1e-3
            generation.end-tokens = [260]
            """);
    Path into = folder.resolve("run");
    String other = "trainer.log-every=1";
    run("train", file, "--run-dir", into, "--set", other, "--set", override)
        .refused(2, "hydra: " + message.replaceFirst("(?=\\d+:)", file + ": "))
        .refused(2, " (with --set " + other + " --set " + override + ")\n");
  }

  @Test
  void whatIsWrongByItselfIsSaidAlone() throws IOException {
    Path file =
        Files.writeString(folder.resolve("wrong.conf"), "include \"tiny.conf\"\ntrainer.step = 3");
    assertThat(run("config", "check", file, "--set", "model.depth=3").err())
        .startsWith("hydra: " + file + ": 2: trainer.step: unknown key \"step\"")
        .doesNotContain("--set");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "trainer.step=3 | trainer.step: unknown key \"step\"; did you mean \"steps\"?",
        "trainer.steps=many | trainer.steps",
        "trainer.steps=0 | trainer.steps",
        "model.width=-1 | model.width",
        "model.block.paths=[{mixer=mamba3}] | unknown mixer type \"mamba3\"; did you mean \"mamba",
        "model.block.paths=[{ffn{type=swiglu,hiden=3}}] | unknown key \"hiden\"; did you mean"
            + " \"hidden\"?",
        "optimizer.type=adamv | adamw",
        "surprise=1 | surprise",
        "trainer.steps | --set trainer.steps",
        "=3 | --set =3",
      })
  void mistakesInOverridesAreCode2(String override, String message) {
    run("config", "check", conf, "--set", override).refused(2, message);
  }

  @Test
  void mistakesInFilesNameFileAndLine() throws IOException {
    Path wrong =
        Files.writeString(
            folder.resolve("wrong.conf"), "include \"tiny.conf\"\n\ntrainer.stepz = 4\n");
    run("config", "check", wrong).refused(2, "wrong.conf: 3: trainer.stepz: unknown key \"stepz\"");
    Path broken = Files.writeString(folder.resolve("broken.conf"), "model {\n  width = 3\n");
    run("config", "check", broken).refused(2, "broken.conf");
  }

  @Test
  void whatComparesModelsIsCheckedByItsOwnCommand() throws IOException {
    Path file = Files.writeString(folder.resolve("study.conf"), "experiment { }\nquick { }\n");
    run("config", "check", file).refused(2, "hydra experiment run " + file + " --dry-run");
  }

  @Test
  void inspectsAsATable() {
    String out =
        run("inspect", conf, "--set", "model.vocab-size=256", "--compute", "fp32").done().out();
    assertThat(out)
        .contains("width 16, 2 blocks, vocabulary 256")
        .contains("blocks 0 to 1, each")
        .containsPattern("(?m)^ {2}mixer +mamba2 ")
        .containsPattern("(?m)^ {2}ffn +swiglu ")
        .containsPattern("(?m)^1,024 ")
        .containsPattern("(?m)^8,192 ")
        .contains("Memory in fp32: decoding of one sequence; a training step of 1 sequence");
  }

  private long trainingBytes(String optimizer) throws IOException {
    String out =
        run("inspect", conf, "--json", "--lengths=32", "--set", "optimizer.type=" + optimizer)
            .done()
            .out();
    return number(((List<?>) JSON.std.mapFrom(out).get("lengths")).get(0), "training_bytes");
  }

  @Test
  void asksTheOptimizerWhatItKeeps() throws IOException {
    assertThat(trainingBytes("lion")).isLessThan(trainingBytes("adamw"));
    assertThat(run("inspect", conf, "--set", "optimizer.type=lion").done().out())
        .containsPattern("working copies, [\\d.]+ KiB of lion's state, gradients");
  }

  @Test
  void blocksThatDifferAreListedApart() throws IOException {
    Path model =
        Files.writeString(
            folder.resolve("model.conf"),
            """
            model { vocab-size = 7, width = 8, depth = 4, block.paths = [
              { mixer { type = full, heads = 2 }, at = "1:3" }, { ffn = swiglu }] }
            """);
    assertThat(run("inspect", model).done().out())
        .contains("block 0\n", "blocks 1 to 2, each\n", "block 3\n");
  }

  @Test
  void inspectsAsJson() throws IOException {
    Map<String, Object> json =
        JSON.std.mapFrom(
            run("inspect", conf, "--set", "model.vocab-size=256", "--lengths", "32,64", "--json")
                .done()
                .out());
    assertThat(json).containsEntry("width", 16).containsEntry("depth", 2);
    List<?> parts = (List<?>) json.get("parts");
    long sum = parts.stream().mapToLong(part -> number(part, "parameters")).sum();
    assertThat(parts).hasSizeGreaterThanOrEqualTo(4);
    assertThat(number(json, "parameters")).isGreaterThan(sum - 1).isGreaterThan(16 * 256);
    assertThat((List<?>) json.get("lengths"))
        .extracting(each -> number(each, "tokens"))
        .isEqualTo(List.of(32L, 64L));
    long roles =
        ((Map<?, ?>) json.get("roles"))
            .values().stream().mapToLong(role -> number(role, "parameters")).sum();
    assertThat(roles).isEqualTo(number(json, "parameters"));
  }

  private static long number(Object object, String key) {
    return ((Number) ((Map<?, ?>) object).get(key)).longValue();
  }

  @Test
  @Timeout(60)
  void costsAtAnyLengthAreNumbers() throws IOException {
    Path config =
        Files.writeString(
            folder.resolve("all.conf"),
            """
            model {
              width = 16, depth = 2
              block.paths = [
                { mixer { type = mamba2, state = 8, head-dim = 8 } }
                { mixer { type = mamba, state = 8 } }
                { mixer { type = full, heads = 2 } }
                { mixer { type = sliding-window, heads = 2 } }
                { mixer { type = sparse-global, heads = 2 } }
              ]
            }
            """);
    String out =
        run("inspect", config, "--json", "--lengths", "1000000000000,9223372036854775807")
            .done()
            .out();
    assertThat(out).doesNotContain(":-").doesNotContainIgnoringCase("nan", "infinity");
  }
}
