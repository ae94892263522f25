package dev.hydra.cli.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.experiments.Work;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkersTest {
  @TempDir private Path folder;

  private Path script(String text) throws IOException {
    Path script = Files.writeString(folder.resolve("hydra"), "#!/bin/sh\n" + text);
    return Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
  }

  @Test
  void whatConcernsAllTogetherIsNotPassedOn() {
    assertEquals(
        List.of("experiment", "run", "logic", "--quick", "--results", "out"),
        Workers.shared(
            List.of(
                "experiment",
                "run",
                "logic",
                "--parallel",
                "4",
                "--quick",
                "--html",
                "page.html",
                "--json",
                "--results",
                "out",
                "--parallel=4",
                "--html=page.html")));
  }

  @Test
  void theWorkOfAllIsAddedUp() throws IOException {
    Path script =
        script(
            "echo \"$@ $OMP_NUM_THREADS\" >> "
                + folder.resolve("log")
                + "\n"
                + "echo '"
                + Workers.line(new Work(2, 3_000_000_000L))
                + "'\n");
    try (Workers workers = new Workers(script, List.of("experiment", "run", "logic"), 3)) {
      assertEquals(new Work(6, 9_000_000_000L), workers.await(() -> false));
    }
    assertThat(Files.readAllLines(folder.resolve("log")))
        .hasSize(3)
        .allMatch(line -> line.equals("experiment run logic --worker " + Workers.threads(3)));
  }

  @Test
  void oneThatFailsIsSaid() throws IOException {
    try (Workers workers = new Workers(script("exit 3\n"), List.of(), 2)) {
      assertThat(assertThrows(IOException.class, () -> workers.await(() -> false)))
          .hasMessageContaining("exit code 3");
    }
  }

  @Test
  void theyEndWhenAskedTo() throws IOException {
    try (Workers workers = new Workers(script("exec sleep 60\n"), List.of(), 2)) {
      assertEquals(Work.NONE, workers.await(() -> true));
    }
  }

  @Test
  void theUseOfAGpuIsTheMeanOfWhatIsSaid() {
    assertEquals(OptionalDouble.of(.6), GpuUse.busy(List.of(" 40", "80 ", "[N/A]", "")));
    assertThat(GpuUse.busy(List.of("[N/A]"))).isEmpty();
  }
}
