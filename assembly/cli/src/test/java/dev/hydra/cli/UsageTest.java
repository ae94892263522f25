package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Arguments, and what is said of wrong ones. */
class UsageTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | hydra needs a command: train, eval, compare, report, watch, experiment,",
        "config | hydra config needs a command: check, options, show",
        "plugins | hydra plugins needs a command: new, verify, swap, rollback, describe, list",
        "bench | hydra bench needs a command: components, generate, swap, train",
        "tokenizer | hydra tokenizer needs a command: train, chat, decode, encode, info",
        "import | hydra import needs a command: hf",
        "export | hydra export needs a command: hf",
        "trian | Unmatched argument at index 0: 'trian'",
        "train --stpes 3 | Unknown option: '--stpes'",
        "train --steps 100 | Did you mean: --set trainer.steps=100",
        "train x --lr 1e-4 | Did you mean: --set optimizer.learning-rate=1e-4",
        "train x --learning_rate=1 | Did you mean: --set optimizer.learning-rate=1",
        "train x --batch-size 8 --resume | Did you mean: --set trainer.batch-size=8",
        "train x -b 8 | Did you mean: --set trainer.batch-size=8",
        "train x --seed | Did you mean: --set trainer.seed=VALUE",
        "train x --epochs 3 | Did you mean: --set trainer.steps=3",
        "train x trainer.steps=3 | Did you mean: --set trainer.steps=3",
        "train x steps=3 | Did you mean: --set trainer.steps=3",
        "train x --guard-steps 3 | Did you mean: --set trainer.swap.guard-steps=3",
        "train x --output d | Did you mean: --run-dir d",
        "train --config x.conf | Did you mean: CONF, without a name before it",
        "generate --model x --max-new-tokens 3 | Did you mean: --max-tokens 3",
        "doctor --steps 3 | Unknown options: '--steps', '3'",
        "train x --sequence-length=9 | Did you mean: --set data.sequence-length=9",
        "config shw | Did you mean: config show",
        "plugins lst | Did you mean: plugins list",
        "generate --model nowhere --prompt-file f -p a | give either --prompt or --tokens",
        "train | name a configuration, such as: hydra train quickstart",
        "tokenizer train --vocab 300 src | src is a folder; name the files to learn from",
        "train --resume | --resume needs --run-dir, the folder of the run to go on with",
        "train --resume --run-dir nowhere | there is no run in nowhere to resume",
        "generate x --quantization int9 | expected one of [none, int8, int4]",
        "generate x --mamba-ssm-cache-dtype half | expected one of [float32, float16, bfloat16]",
        "train x --device tpu | Invalid value for option '--device': expected one of",
        "train no-such-conf | there is no configuration no-such-conf; looked for no-such-conf,"
            + " no-such-conf.conf",
        "experiment run nope | there is no configuration nope",
        "experiment run nope | hydra experiment list names those that come along",
        "eval | Missing required option: '--model=DIR'",
        "eval --model nowhere | there is no folder nowhere",
        "eval --model nowhere --windows 0 | --windows must be at least 1",
        "generate --model nowhere -p a --tokens [1] | give either --prompt or --tokens",
        "generate --model nowhere -n 0 | --max-tokens must be at least 1",
        "generate --model nowhere -n -1 | --max-tokens must be at least 1",
        "generate --model nowhere --temperature -1 | temperature",
        "generate --model nowhere --top-p 2 | top-p",
        "inspect no-such-conf --lengths 0 | --lengths must be at least 1",
        "plugins describe mamba3 | unknown name \"mamba3\"; did you mean \"mamba",
        "plugins swap | name a jar, or options that are to change",
        "plugins swap nothing.jar | there is no file nothing.jar",
        "plugins swap --set type=dense | options that are to change need sites",
        "plugins swap --set type | --set type: must be KEY=VALUE",
        "plugins swap --set =5 --sites x --run nowhere | --set =5: must be KEY=VALUE",
        "plugins swap --config nowhere.conf --sites x | there is no configuration file",
        "plugins swap --set a=b --limit 0 | --limit must be more than 0 seconds",
        "plugins swap --set a=b --sites x --run nowhere | there is no run folder nowhere",
        "plugins rollback --run nowhere | there is no run folder nowhere",
      })
  void wrongUseIsCode2AndOneMessage(String arguments, String message) {
    var outcome = run((Object[]) (arguments.isEmpty() ? new String[0] : arguments.split(" ")));
    outcome.refused(2, message);
    assertThat(outcome.err()).startsWith("hydra: ");
    assertThat(outcome.out()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "train x --run-dir=, Invalid value for option '--run-dir': it is empty; . is the working"
        + " folder",
    "eval --model=, Invalid value for option '--model'",
    "generate --model=, Invalid value for option '--model'",
    "plugins rollback --run=, Invalid value for option '--run'",
    "score --model nowhere --tokens=, the name of the file is empty",
  })
  void anEmptyNameIsNotTheWorkingFolder(String arguments, String message) {
    run((Object[]) arguments.split(" ")).refused(2, message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "inspect", "config show", "config check"})
  void anEmptyNameIsNotAConfiguration(String command) {
    run((Object[]) (command + " ").split(" ", -1)).refused(2, "of the configuration is empty");
  }

  @Test
  void misspeltCommandsAndOptionsAreGivenHelp() {
    assertThat(run("trian").err())
        .contains("Did you mean: hydra train")
        .contains("Try 'hydra --help'.");
    assertThat(run("train", "--resum").err())
        .contains("--resume")
        .contains("Try 'hydra train --help'.");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--help",
        "help",
        "help train",
        "train --help",
        "eval --help",
        "generate --help",
        "score --help",
        "inspect --help",
        "import --help",
        "import hf --help",
        "export hf --help",
        "config check --help",
        "config show --help",
        "plugins list --help",
        "plugins describe --help",
        "plugins verify --help",
        "plugins swap --help",
        "plugins rollback --help",
        "bench components --help",
        "bench swap --help",
        "doctor --help"
      })
  void everyCommandExplainsItself(String arguments) {
    var outcome = run((Object[]) arguments.split(" ")).done();
    assertThat(outcome.out()).contains("Usage: hydra");
    assertThat(outcome.err()).isEmpty();
  }

  @Test
  void helpNamesTheExitCodes() {
    assertThat(run("--help").out())
        .contains("Exit codes:", "wrong use or configuration", "interrupted");
  }

  @Test
  void commandsToBeCopiedAreQuoted() {
    run("train", "x", "--output", "my runs/a").refused(2, "Did you mean: --run-dir 'my runs/a'");
    run("train", "x", "--dataset=my text.txt")
        .refused(2, "Did you mean: --set 'data.files=my text.txt'");
  }

  @Test
  void versionNamesLibTorchAndJava() {
    assertThat(run("--version").done().out().lines())
        .hasSize(3)
        .anyMatch(line -> line.startsWith("LibTorch "))
        .anyMatch(line -> line.startsWith("Java " + Runtime.version()));
  }

  @Test
  void aFileIsNotAModel() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "");
    run("eval", "--model", file).refused(2, file + " is no");
  }

  @Test
  void staticPluginsCannotBeVerifiedOrAdded() throws Exception {
    Path jar = Files.writeString(folder.resolve("some.jar"), "nothing");
    var outcome = run("plugins", "verify", jar);
    assertThat(outcome.code()).isIn(1, 2);
    assertThat(outcome.err()).doesNotContain("\tat ");
  }
}
