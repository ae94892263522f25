package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a killed process leaves in the temporary folder is swept by the next one. */
class LeftFoldersIT {
  private Path folder;
  private Path temporary;

  @BeforeEach
  void prepare(@TempDir Path given) throws Exception {
    folder = given;
    temporary = Files.createDirectory(folder.resolve("tmp"));
    Path plugins = Files.createDirectory(folder.resolve("plugins"));
    TestBundle.probe().writeTo(plugins.resolve("probe.jar"));
  }

  private Hydra hydra(String logs) throws IOException {
    return Hydra.withPlugins(
            folder.resolve("plugins"), Files.createDirectories(folder.resolve(logs)))
        .with("TMPDIR", temporary);
  }

  private Process waiting(String logs) throws Exception {
    Hydra hydra = hydra(logs);
    Process process = hydra.start("wait");
    while (hydra.out().isEmpty() && process.isAlive()) {
      Thread.sleep(20);
    }
    return process;
  }

  private List<Path> folders() throws IOException {
    try (Stream<Path> files = Files.list(temporary)) {
      return files.toList();
    }
  }

  @Test
  void foldersOfKilledProcessesAreSweptAndThoseInUseStay() throws Exception {
    Path foreign = Files.createDirectory(temporary.resolve("hydra-start-of-somebody"));
    Process killed = waiting("killed");
    killed.destroyForcibly().waitFor();
    assertEquals(2, folders().size(), "nothing was left to sweep");
    Process living = waiting("living");
    try {
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
      while (folders().size() > 2 && System.nanoTime() < end) {
        Thread.sleep(20);
      }
      assertEquals(2, folders().size(), "the killed process' folder is still there");
      assertEquals(0, hydra("next").run("exit", "0").exitCode());
      assertEquals(2, folders().size());
      assertThat(folders()).contains(foreign);
    } finally {
      living.destroy();
      living.waitFor();
    }
    assertEquals(List.of(foreign), folders());
  }

  @Test
  void aStartThatASignalEndsSaysNothingAndLeavesNothing() throws Exception {
    for (int bundles = 1; bundles <= 20; bundles += 2) {
      Hydra hydra = hydra("ended-" + bundles);
      Process process = hydra.start("plugins", "list");
      String next = "bundle" + bundles;
      while (process.isAlive() && !has(next)) {
        Thread.onSpinWait();
      }
      process.destroy(); // by TERM
      process.waitFor();
      assertThat(hydra.err()).as("ended when it had %d", bundles).isEmpty();
      assertThat(folders()).as("ended when it had %d", bundles).isEmpty();
    }
  }

  private boolean has(String bundle) throws IOException {
    return folders().stream().anyMatch(each -> Files.exists(each.resolve(bundle)));
  }
}
