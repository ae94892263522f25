package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.trainer.metrics.MetricLine;
import dev.hydra.trainer.metrics.TensorBoardReader;
import dev.hydra.trainer.metrics.TensorBoardReader.Scalar;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a run leaves in its metrics. */
class RunMetricsTest {
  private static final String RUN =
      "trainer { steps = 8, evaluation { every = 4, windows = 4, final-windows = 4 },"
          + " checkpoint { every = 3 }, metrics { observe-every = 4, observe-windows = 4 } }";

  private static final long NEVER = 0;

  @TempDir Path folder;
  private Path run;

  @BeforeEach
  void text() throws IOException {
    Trials.corpus(folder);
    run = folder.resolve("run");
  }

  private void train(String overrides, long until) throws IOException {
    Trials.Events events = new Trials.Events();
    try (Trainer trainer = Trials.trainer(folder, run, overrides, events)) {
      trainer.run(() -> events.steps.stream().anyMatch(step -> step.step() == until));
    }
  }

  private void resume(String overrides) throws IOException {
    try (Trainer trainer = Trials.trainer(folder, run, overrides, new Trials.Events())) {
      trainer.resume(UnexpectedKeys.ERROR);
      trainer.run(() -> false);
    }
  }

  private List<MetricLine> lines(String kind) throws IOException {
    return Trials.metrics(run, kind);
  }

  private List<Long> steps(String kind) throws IOException {
    return lines(kind).stream().map(MetricLine::step).toList();
  }

  @Test
  void tellsOfTheModelStepsScoresAndComponents() throws IOException {
    train(RUN, NEVER);
    MetricLine model = lines(MetricLine.MODEL).get(0);
    assertThat(model.number("active_parameters")).isBetween(1.0, model.number("parameters"));
    assertEquals(
        3 * model.number("forward_flops_per_token"), model.number("training_flops_per_token"));
    assertEquals(1, lines(MetricLine.MODEL).size());
    assertEquals("cpu", model.text("device"));

    List<MetricLine> steps = lines(MetricLine.STEP);
    assertEquals(8, steps.size());
    for (MetricLine step : steps) {
      assertEquals(step.step() * 4 * 32, step.number("tokens"));
      assertThat(step.number("data_wait")).isBetween(0.0, 1.0);
      assertThat(step.values())
          .containsKeys("loss", "learning_rate", "gradient_norm", "tokens_per_second", "host_bytes")
          .containsKey("data_wait")
          .doesNotContainKeys("mfu", "device_peak_bytes");
    }
    assertThat(steps.get(7).number("seconds")).isGreaterThan(steps.get(0).number("seconds"));

    MetricLine score = lines(MetricLine.VALIDATION).get(0);
    assertEquals(List.of(4L, 8L), steps(MetricLine.VALIDATION));
    assertEquals("held-out", score.text("set"));
    assertThat(score.number("perplexity")).isCloseTo(Math.exp(score.number("loss")), within(1e-9));
    assertThat(score.number("bits_per_byte"))
        .isCloseTo(score.number("loss") / Math.log(2), within(1e-9));

    assertEquals(List.of(4L, 8L), steps(MetricLine.OBSERVATION));
    Map<?, ?> observed = (Map<?, ?>) lines(MetricLine.OBSERVATION).get(0).values().get("values");
    assertThat((List<?>) observed.get("blocks.0.ffn.router.load")).hasSize(4);
    assertThat((Double) observed.get("blocks.0.ffn.gate"))
        .as("a scalar gate as it is trained")
        .isCloseTo(0.5, within(0.2))
        .isNotEqualTo(0.5);
    assertEquals(List.of(3L, 6L, 8L), steps(MetricLine.CHECKPOINT));
  }

  @Test
  void aModelThatObservesNothingHasNoLinesOfIt() throws IOException {
    train(
        RUN
            + ", model.block { paths = [{ mixer { type = mamba2, state = 8, head-dim = 8, chunk = 8 }, gate = none }] }",
        NEVER);
    assertEquals(8, lines(MetricLine.STEP).size());
    assertThat(lines(MetricLine.OBSERVATION)).isEmpty();
  }

  /** Time and tokens go on where the checkpoint was, and no step is there twice. */
  @Test
  void goesOnAfterAResume() throws IOException {
    train(RUN, 6);
    double before = lines(MetricLine.STEP).get(5).number("seconds");
    DurableFiles.delete(run.resolve("checkpoints/step-000006")); // as if it had been killed
    resume(RUN);
    assertEquals(List.of(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L), steps(MetricLine.STEP));
    assertEquals(List.of(4L, 8L), steps(MetricLine.VALIDATION));
    assertEquals(List.of(3L), steps("resume"));
    assertEquals(1, lines(MetricLine.MODEL).size());
    List<MetricLine> steps = lines(MetricLine.STEP);
    assertEquals(8 * 4 * 32, steps.get(7).number("tokens"));
    double last = 0;
    for (MetricLine step : steps) {
      assertTrue(step.number("seconds") > last, "the time goes on");
      last = step.number("seconds");
    }
    assertThat(before).isPositive();
    resume(RUN); // nothing is left, but for the score
    assertEquals(List.of(4L, 8L), steps(MetricLine.VALIDATION));
  }

  @Test
  void tensorBoardHasTheSame() throws IOException {
    train(RUN, 6);
    resume(RUN);
    TensorBoardReader read = TensorBoardReader.of(run);
    List<MetricLine> steps = lines(MetricLine.STEP);
    List<Scalar> losses = read.scalars.get("train/loss");
    assertEquals(8, losses.size());
    for (int i = 0; i < 8; i++) {
      assertEquals(steps.get(i).step(), losses.get(i).step());
      assertEquals((float) steps.get(i).number("loss"), losses.get(i).value());
    }
    assertThat(read.scalars)
        .containsKeys(
            "validation/held-out/bits_per_byte",
            "observed/blocks.0.ffn.router.load/3",
            "observed/blocks.0.memory.gate/mean",
            "speed/tokens_per_second");
    assertThat(read.texts.get("config").get(0)).contains("    model {");
  }

  @Test
  void tensorBoardIsNotWrittenWhereItIsOff() throws IOException {
    train("trainer { steps = 1, tensorboard = off }", 1);
    assertThat(run).isDirectoryNotContaining("glob:**tfevents*");
  }
}
