package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** The page that follows runs, in a browser, beside a training in a process of its own. */
@EnabledIf("dev.hydra.dist.NodeScript#checksPages")
class WatchIT {
  @TempDir Path folder;

  /** A page that is served by a process of its own. */
  private record Watch(Hydra hydra, Process process) implements AutoCloseable {
    static Watch start(Hydra hydra, String... runs) throws Exception {
      String[] arguments = new String[runs.length + 3];
      System.arraycopy(runs, 0, arguments, 1, runs.length);
      arguments[0] = "watch";
      arguments[runs.length + 1] = "--port";
      arguments[runs.length + 2] = "0";
      Watch watch = new Watch(hydra, hydra.start(arguments));
      hydra.ownersAddress(); // told when it listens
      return watch;
    }

    /** Where whoever is on this machine looks. */
    String address() throws Exception {
      String first = hydra.out().get(0);
      assertThat(first).matches("listening on http://127\\.0\\.0\\.1:\\d+");
      return first.replaceFirst("listening on ", "");
    }

    /** Where the owner looks. */
    String ownersAddress() throws Exception {
      return hydra.ownersAddress();
    }

    @Override
    public void close() throws InterruptedException {
      process.destroy();
      if (!process.waitFor(60, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    }
  }

  @Test
  void figuresAreThoseOfTheRunAndASwapByClickIsInTheJournal() throws Exception {
    try (RunningTraining training =
            RunningTraining.start(folder, "run", "--set", "trainer.swap.guard-steps=1000000");
        Watch watch = Watch.start(training.command("watch"), training.run().toString())) {
      training.advance(2);
      String pid = String.valueOf(training.process().pid());
      String run = training.run().toString();
      NodeScript.page("watch.mjs")
          .passes(folder, Map.of("ADDRESS", watch.ownersAddress(), "RUN", run, "PID", pid));
      assertThat(training.stop()).isIn(130, 143);
    }
  }

  @Test
  void finishedRunsStandSideBySideAndWithoutTheKeyNothingChanges() throws Exception {
    try (RunningTraining training =
        RunningTraining.start(folder, "run", "--set", "trainer.steps=40")) {
      assertThat(training.process().waitFor(120, TimeUnit.SECONDS)).isTrue();
      Path other = Files.createDirectories(folder.resolve("other"));
      for (String each : List.of("config.conf", "metrics.jsonl", "journal.jsonl")) {
        Files.copy(training.run().resolve(each), other.resolve(each));
      }
      try (Watch watch =
          Watch.start(training.command("watch"), training.run().toString(), other.toString())) {
        NodeScript.page("watch-finished.mjs").passes(folder, Map.of("ADDRESS", watch.address()));
      }
    }
  }
}
