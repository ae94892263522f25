package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What signals do to a training. */
class SignalsIT {
  @TempDir Path folder;

  private RunningTraining training() throws Exception {
    return RunningTraining.start(folder, "run", "--set", "trainer.checkpoint.every=0");
  }

  @Test
  void usr1WritesACheckpointAndTrainingGoesOn() throws Exception {
    try (RunningTraining training = training()) {
      training.advance(2);
      Signals.send("USR1", training.process());
      training.until("there is a checkpoint", () -> training.journal("checkpoint").size() == 1);
      training.advance(5);
      Signals.send("USR1", training.process());
      training.until("there is another", () -> training.journal("checkpoint").size() == 2);
      training.advance(5);
      List<Map<String, Object>> written = training.journal("checkpoint");
      training.kill(); // as at the end of the job's time
      long last = ((Number) written.get(1).get("step")).longValue();
      try (RunningTraining resumed = training.resume()) {
        assertThat(resumed.screen()).contains("resuming after step " + last);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143", "HUP, 129"})
  void othersWriteACheckpointAndEndTheRun(String signal, int code) throws Exception {
    try (RunningTraining training = training()) {
      training.advance(2);
      Signals.send(signal, training.process());
      assertThat(training.process().waitFor()).isEqualTo(code);
      assertThat(training.journal("checkpoint")).hasSize(1);
    }
  }

  /** The step would take days. */
  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void othersDoNotWaitForAStep(String signal, int code) throws Exception {
    try (RunningTraining training =
        RunningTraining.start(folder, "run", "--set", "trainer.accumulate=100000000")) {
      training.until("it has begun", () -> training.journal("start").size() == 1);
      Signals.send(signal, training.process());
      assertThat(training.process().waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(training.process().exitValue()).isEqualTo(code);
      assertThat(training.screen()).last().asString().contains("interrupted before the first step");
      assertThat(training.run()).as("nothing came of it").doesNotExist();
    }
  }

  /** The text ends where it is, and what was printed stays. */
  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void othersEndATextThatIsGenerated(String signal, int code) throws Exception {
    try (RunningTraining training = training()) {
      training.advance(2);
      training.stop();
      Hydra hydra = training.command("generate");
      Process generating = hydra.start("generate", "--model", "run", "-n", "1000000000");
      Path text = folder.resolve("generate/out.txt");
      while (generating.isAlive() && Files.size(text) == 0) {
        Thread.sleep(20);
      }
      Signals.send(signal, generating);
      assertThat(generating.waitFor()).as(hydra.err().toString()).isEqualTo(code);
      assertThat(Files.readString(text)).endsWith("\n");
      assertThat(hydra.err()).last().asString().matches("[0-9,]+ tokens?, the first after .*");
    }
  }
}
