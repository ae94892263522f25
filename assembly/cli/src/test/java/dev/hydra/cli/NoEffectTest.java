package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static dev.hydra.cli.CommandLineRunner.withInput;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Options that do nothing where they are given: somebody is told once, and the work is done. */
class NoEffectTest {
  private static final String STATES = "--mamba-ssm-cache-dtype";
  private static final String NO_STATES =
      STATES + " has no effect: the model keeps no state of a state space";

  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  static Path folder;

  private static Path recurrent = Path.of("");
  private static Path attention = Path.of("");

  @BeforeAll
  static void train() throws IOException {
    recurrent = TinyModel.train(folder);
    attention = folder.resolve("attention");
    run(
            "train",
            folder.resolve("tiny.conf"),
            "--run-dir",
            attention,
            "--device=cpu",
            "--set",
            "model.block.paths=[{ mixer { type = full, heads = 2 } }]")
        .done();
  }

  private static String warnings(Object... arguments) {
    return run(arguments).done().err();
  }

  private static String generated(Path model, Object... more) {
    List<Object> all = new ArrayList<>(List.of("generate", "--model", model, "-p", "one", "-n=2"));
    all.addAll(List.of(more));
    return warnings(all.toArray());
  }

  @Test
  void aTypeOfStatesThatThereAreNot() throws IOException {
    assertThat(generated(attention, STATES, "float16")).containsOnlyOnce(NO_STATES);
    assertThat(generated(attention)).doesNotContain("no effect");
    Path template = Files.writeString(folder.resolve("chat.jinja"), "{{ messages[0].content }}");
    String chat =
        withInput(
            "one\n",
            () ->
                warnings("chat", attention, STATES, "float16", "--template", template, "-n", "2"));
    assertThat(chat).containsOnlyOnce(NO_STATES);
    Path config = attention.resolve("config.conf");
    assertThat(warnings("inspect", config, STATES, "bfloat16")).containsOnlyOnce(NO_STATES);
    assertThat(
            warnings("bench", "generate", config, STATES, "bfloat16", "--context=4", "--tokens=2"))
        .containsOnlyOnce(NO_STATES);
    Path tokens = Files.writeString(folder.resolve("tokens.json"), "[[1, 2, 3]]");
    assertThat(warnings("score", "--model", attention, "--tokens", tokens, STATES, "float16"))
        .containsOnlyOnce(NO_STATES);
    assertThat(warnings("score", "--model", recurrent, "--tokens", tokens, STATES, "float32"))
        .doesNotContain("no effect");
    assertThat(
            run("serve", "--model", "name=" + attention, STATES, "float16", "--host", "0.0.0.0")
                .refused(2, "give a key")
                .err())
        .containsOnlyOnce(STATES + " has no effect: name keeps no state of a state space");
  }

  @Test
  void theTypeThatStatesHaveAnyway() {
    assertThat(generated(recurrent, STATES, "float32"))
        .containsOnlyOnce(STATES + " has no effect: states are kept in float32 anyway");
    assertThat(generated(recurrent, STATES, "float16")).doesNotContain("no effect");
    assertThat(generated(recurrent)).doesNotContain("no effect");
  }

  @Test
  void whatOnlyCountsWhereTokensAreDrawn() {
    assertThat(generated(recurrent, "--temperature=0", "--top-k=2", "--seed=3", "--top-p=0.5"))
        .contains(
            "warning: --top-k has no effect: --temperature 0 always takes the likeliest token")
        .containsOnlyOnce("--seed has no effect")
        .containsOnlyOnce("--top-p has no effect")
        .doesNotContain("--min-p");
    assertThat(generated(recurrent, "--temperature=0", "--repetition-penalty=2"))
        .doesNotContain("no effect");
    assertThat(generated(recurrent, "--top-k=2", "--seed=3")).doesNotContain("no effect");
  }

  @Test
  void endsOfTextsThatAModelDoesNotHave() {
    assertThat(generated(recurrent, "--ignore-eos"))
        .containsOnlyOnce("--ignore-eos has no effect: the model has no token that ends a text");
    assertThat(generated(recurrent, "--ignore-eos", "--set", "generation.end-tokens=[3]"))
        .doesNotContain("no effect");
  }

  @Test
  void aTemplateOfAModelThatReadsNoText() throws IOException {
    Path imported = Files.createDirectories(folder.resolve("imported"));
    Files.copy(
        attention.resolve("checkpoints/step-000002/model.safetensors"),
        imported.resolve("model.safetensors"));
    Files.writeString(
        imported.resolve("config.conf"),
        "model { vocab-size = 256, width = 16, depth = 2,"
            + " block.paths = [{ mixer { type = full, heads = 2 } }] }");
    Path template = Files.writeString(folder.resolve("served.jinja"), "{{ messages[0].content }}");
    for (String named : List.of("a=" + imported, "b=" + attention)) {
      String said =
          run("serve", "--model", named, "--template", template, "--host", "0.0.0.0")
              .refused(2, "give a key")
              .err();
      assertThat(said.contains("--template has no effect: a has no tokenizer"))
          .isEqualTo(named.startsWith("a="));
    }
  }

  @Test
  void anOverrideOfAPartThatIsNotUsed() {
    Path config = attention.resolve("config.conf");
    assertThat(generated(attention, "--set", "trainer.batch-size=1"))
        .containsOnlyOnce(
            "warning: --set trainer.batch-size=1 has no effect: hydra generate uses nothing of"
                + " trainer");
    assertThat(generated(attention, "--set", "generation.end-tokens=[3]"))
        .doesNotContain("no effect");
    assertThat(warnings("eval", "--model", attention, "--set", "optimizer.learning-rate=1"))
        .containsOnlyOnce("hydra eval uses nothing of optimizer");
    assertThat(warnings("eval", "--model", attention, "--set", "trainer.batch-size=1"))
        .doesNotContain("no effect");
    assertThat(warnings("inspect", config, "--set", "generation.end-tokens=[3]"))
        .containsOnlyOnce("hydra inspect uses nothing of generation");
    assertThat(
            warnings(
                "bench",
                "train",
                config,
                "--device=cpu",
                "--shape=1x8",
                "--steps=1",
                "--set",
                "data.sequence-length=16",
                "--set",
                "trainer.kernels=fused"))
        .containsOnlyOnce("hydra bench train uses nothing of data")
        .containsOnlyOnce("trainer.kernels = fused has no effect: fused kernels are for CUDA");
  }

  @Test
  void kernelsThatTheDeviceDoesNotHave() {
    assertThat(
            warnings(
                "train",
                folder.resolve("tiny.conf"),
                "--run-dir",
                folder.resolve("fused"),
                "--device=cpu",
                "--set",
                "trainer.kernels=fused"))
        .containsOnlyOnce(
            "warning: trainer.kernels = fused has no effect: fused kernels are for CUDA devices, and"
                + " this is cpu");
  }

  /** What overrides nothing is a mistake, as in a file. */
  @Test
  void anOverrideOfAPartThatThereIsNot() {
    run("generate", "--model", attention, "--set", "blocks.0.mixer.heads=1")
        .refused(2, "unknown part \"blocks\"");
    run("eval", "--model", attention, "--set", "genration.end-tokens=[1]")
        .refused(2, "did you mean \"generation\"?");
  }
}
