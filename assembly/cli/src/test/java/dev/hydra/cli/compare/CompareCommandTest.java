package dev.hydra.cli.compare;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompareCommandTest {
  @TempDir Path folder;

  @Test
  void aPageThatCannotBeWrittenIsRefusedBeforeAnythingIsPrinted() throws IOException {
    Path a = RunFiles.make(folder.resolve("a"), "model.width = 1", 40, 8, 4);
    run("report", a, "--html", folder).refused(2, "is a folder; name a file in it");
    var outcome = run("report", a, "--html", folder.resolve("none/p.html"));
    outcome.refused(2, "there is no folder");
    assertEquals("", outcome.out());
  }

  @Test
  void jsonIsOneLineAlsoWithAPage() throws IOException {
    Path a = RunFiles.make(folder.resolve("a"), "model.width = 1", 40, 8, 4);
    Path page = folder.resolve("p.html");
    assertThat(run("compare", a, "--json", "--html", page).done().out().lines()).hasSize(1);
    assertThat(page).content().contains("<svg");
    try (var left = Files.list(a)) {
      assertThat(left).as("what is read is left as it was").hasSize(2);
    }
  }
}
