package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.run.StepReport;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProgressDisplayTest {
  private final StringWriter screen = new StringWriter();

  private ProgressDisplay display(boolean terminal) {
    return display(terminal, 120);
  }

  private ProgressDisplay display(boolean terminal, int columns) {
    return new ProgressDisplay(new PrintWriter(screen, true), terminal, 64, () -> columns);
  }

  private static StepReport report(long step, long steps, double loss, double tokensPerSecond) {
    return report(step, steps, loss, tokensPerSecond, 0);
  }

  private static StepReport report(
      long step, long steps, double loss, double tokensPerSecond, double dataWait) {
    StepReport.Totals totals =
        new StepReport.Totals(
            0, 0, OptionalDouble.empty(), OptionalLong.empty(), OptionalLong.empty());
    return new StepReport(step, steps, loss, 0, 1, 1e-3, tokensPerSecond, dataWait, totals);
  }

  private static StepReport step(long step, double tokensPerSecond) {
    return report(step, 8, Math.log(2), tokensPerSecond);
  }

  /** The first and the last step are shown for sure, others only after a while. */
  @Test
  void plainLinesAreRare() {
    try (ProgressDisplay display = display(false)) {
      for (int i = 1; i <= 8; i++) {
        display.stepped(step(i, 64));
      }
    }
    assertThat(screen.toString().lines())
        .containsExactly(
            "step 1/8  loss 0.693  1.000 bits/token  64 tokens/s  0:07 left",
            "step 8/8  loss 0.693  1.000 bits/token  64 tokens/s  0:00 left");
    assertThat(screen.toString()).doesNotContain("\u001b");
  }

  @Test
  void dataThatDoesNotKeepUpIsSeen() {
    try (ProgressDisplay display = display(false)) {
      display.stepped(report(1, 2, 1, 64, 0.04));
      display.stepped(report(2, 2, 1, 64, 0.37));
    }
    assertThat(screen.toString().lines().toList().get(0)).contains("  64 tokens/s  ");
    assertThat(screen.toString()).contains("  64 tokens/s (37% waiting for data)  ");
  }

  @Test
  void aTerminalHasOneLineThatIsLeftBeforeOtherText() {
    try (ProgressDisplay display = display(true)) {
      display.stepped(step(2, 64));
      display.warned("the disk is slow");
      display.stepped(step(8, 64));
    }
    assertThat(screen)
        .hasToString(
            "\r\u001b[K[######------------------] step 2/8  loss 0.693  1.000 bits/token"
                + "  64 tokens/s  0:06 left\nwarning: the disk is slow\n"
                + "\r\u001b[K[########################] step 8/8  loss 0.693  1.000 bits/token"
                + "  64 tokens/s  0:00 left\n");
  }

  @ParameterizedTest
  @ValueSource(ints = {40, 41, 50, 60, 79, 80, 97, 120})
  void aLineFitsTheTerminal(int columns) {
    try (ProgressDisplay display = display(true, columns)) {
      display.stepped(report(99_999, 100_000, Math.log(2), 64 * 1 / 3661.0 * 1e3));
    }
    String line = screen.toString().replace("\r\u001b[K", "").strip();
    assertThat(line.length()).isLessThan(columns);
    assertThat(line).contains("step 99,999/100,000  loss 0.693").containsPattern("  0:04( left)?$");
  }

  @Test
  void anEvaluationShowsHowFarItIs() throws InterruptedException {
    try (ProgressDisplay display = display(true, 24)) {
      display.evaluating("held-out", 0, 2048);
      Thread.sleep(250); // more than from one line to the next
      display.evaluating("held-out", 1024, 2048);
    }
    assertThat(screen).hasToString("\r\u001b[Kheld-out: 1,024 of 2,04\n");
  }

  @Test
  void theWidthIsThatOfTheTerminal() {
    assertThat(TerminalWidth.columns("24 132\n")).isEqualTo(132);
    assertThat(TerminalWidth.columns("0 0\n")).isEqualTo(TerminalWidth.USUAL);
    assertThat(TerminalWidth.columns("")).isEqualTo(TerminalWidth.USUAL);
  }

  /** The first step, which loads and compiles, is forgotten. */
  @Test
  void theSpeedIsThatOfTheLastSeconds() {
    try (ProgressDisplay display = display(false)) {
      display.stepped(report(1, 1000, 1, 64 / 30.0));
      for (int step = 2; step < 1000; step++) {
        display.stepped(report(step, 1000, 1, 6400));
      }
      display.stepped(report(1000, 1000, 1, 640));
    }
    assertThat(screen.toString().lines().reduce((a, b) -> b).orElseThrow())
        .as("990 of 0.01 s, one of 0.1 s")
        .contains("  6,342 tokens/s  ");
  }

  /** Where log-every is more than 1, a report is about several steps. */
  @Test
  void reportsMayBeRare() {
    try (ProgressDisplay display = display(false)) {
      display.stepped(report(1, 101, 1, 64 / 2.0));
      display.stepped(report(101, 101, 1, 64 * 100 / 6.0));
    }
    assertThat(screen.toString()).contains("step 101/101").contains("  808 tokens/s  ");
  }

  /** The summary says it. */
  @Test
  void theLastEvaluationIsNotSaidTwice() {
    Score score = new Score("held-out", Math.log(2), 1, 1, 1, 1);
    try (ProgressDisplay display = display(false)) {
      display.stepped(step(4, 64));
      display.evaluated(4, score);
      display.stepped(step(8, 64));
      display.evaluated(8, score);
    }
    assertThat(screen.toString()).containsOnlyOnce("held-out").contains("step 4: held-out ");
  }

  @Test
  void longTimesHaveHours() {
    try (ProgressDisplay display = display(false)) {
      display.stepped(step(1, 64 * 7 / 3661.0));
    }
    assertThat(screen.toString()).contains("1:01:01 left");
  }

  @Test
  void tellsOfCheckpoints() {
    try (ProgressDisplay display = display(false)) {
      display.checkpointed(3, Path.of("run", "step-3"));
    }
    assertThat(screen.toString().strip()).isEqualTo("checkpoint " + Path.of("run", "step-3"));
  }
}
