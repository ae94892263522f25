package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A checkpoint is used with the weights that are asked for, and with paths as grown as it has. */
class CheckpointWeightsTest {
  @TempDir Path folder;

  /** Trains the tiny model with more in its configuration. */
  private Path train(String more) throws IOException {
    Path config = TinyModel.write(folder);
    Files.writeString(config, TinyModel.CONFIG + "trainer.precision = fp32\n" + more);
    Path run = folder.resolve("run");
    run("train", config, "--run-dir", run, "--device", "cpu").done();
    return run;
  }

  private static double bits(Object... arguments) throws IOException {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = "--json";
    return ((Number) JSON.std.mapFrom(run(all).done().out()).get("bits_per_byte")).doubleValue();
  }

  /** The score that a training itself wrote. */
  private static double scored(Path run, int step, String set) throws IOException {
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      Map<String, Object> values = JSON.std.mapFrom(line);
      if (set.equals(values.get("set")) && ((Number) values.get("step")).intValue() == step) {
        return ((Number) values.get("bits_per_byte")).doubleValue();
      }
    }
    throw new AssertionError("no score on " + set + " after step " + step);
  }

  @Test
  void averagesAreScoredAsTheTrainingScoredThem() throws IOException {
    Path run = train("trainer { ema.decay = 0.9, steps = 6, evaluation.final-windows = 0 }");
    double averaged = bits("eval", "--model", run, "--ema");
    assertThat(averaged).isCloseTo(scored(run, 6, "held-out-ema"), within(1e-9));
    assertThat(bits("eval", "--model", run))
        .isCloseTo(scored(run, 6, "held-out"), within(1e-9))
        .isNotCloseTo(averaged, within(1e-6));
    Path tokens = Files.writeString(folder.resolve("tokens.json"), "[[111,110,101,32]]");
    Object[] score = {"score", "--model", run, "--tokens", tokens, "--json"};
    assertThat(run(with(score, "--ema")).done().out()).isNotEqualTo(run(score).done().out());
    Object[] generate = {"generate", "--model", run, "-n", "5", "--ema"};
    assertThat(run(generate).done().out()).isNotEmpty();
  }

  @Test
  void averagesThatAreNotThereAreNotMadeUp() throws IOException {
    Path run = train("");
    for (String command : List.of("eval", "generate")) {
      run(command, "--model", run, "--ema")
          .refused(
              2,
              "has no averages of its weights; leave --ema out, or train with --set trainer.ema.decay=0.999");
    }
    Path checkpoint = run.resolve("checkpoints/step-000002");
    Files.write(
        checkpoint.resolve("optimizer.safetensors"), new byte[] {1}, StandardOpenOption.APPEND);
    run("eval", "--model", checkpoint, "--ema").refused(1, "optimizer.safetensors is damaged");
    run("eval", "--model", checkpoint).done();
  }

  @Test
  void aPathThatGrowsInCountsAsInTheStepBefore() throws IOException {
    Path run =
        train(
            """
            vars.late = { ffn { type = gelu, hidden = 32 }, name = late }
            trainer {
              steps = 10
              evaluation { every = 5, windows = 1000 }
              checkpoint { every = 5, keep = 9 }
              stages = [
                { name = first, until = 2 }
                { name = wide, grow-in = 8,
                  model.block.paths = ${model.block.paths} [${vars.late}] }
              ]
            }
            """);
    Path growing = run.resolve("checkpoints/step-000005");
    assertThat(growing.resolve("trainer.json")).content().contains("\"growth\":0.25");
    assertThat(bits("eval", "--model", growing))
        .isCloseTo(scored(run, 5, "held-out"), within(1e-9));
    run("export", "hf", growing, "--out", folder.resolve("out"))
        .refused(2, "was written while paths grew in");
  }

  private static Object[] with(Object[] arguments, Object another) {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = another;
    return all;
  }
}
