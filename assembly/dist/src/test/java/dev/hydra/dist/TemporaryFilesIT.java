package dev.hydra.dist;

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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each process has a bundle cache of its own and takes it along when it ends. */
class TemporaryFilesIT {
  private Path temporary;
  private Hydra hydra;

  @BeforeEach
  void preparePlugins(@TempDir Path folder) throws Exception {
    Path plugins = Files.createDirectory(folder.resolve("plugins"));
    TestBundle.probe().writeTo(plugins.resolve("probe.jar"));
    temporary = Files.createDirectory(folder.resolve("tmp"));
    hydra =
        Hydra.withPlugins(plugins, folder).with("HYDRA_JAVA_OPTS", "-Djava.io.tmpdir=" + temporary);
  }

  @Test
  void nothingIsLeftAfterTheCommand() throws Exception {
    assertEquals(3, hydra.run("exit", "3").exitCode());
    assertEquals(List.of(), temporaryFiles());
  }

  @ParameterizedTest
  @CsvSource({"TERM, 143", "INT, 130", "HUP, 129"})
  void nothingIsLeftAfterASignal(String signal, int exitCode) throws Exception {
    Process process = hydra.start("wait");
    while (hydra.out().isEmpty() && process.isAlive()) {
      Thread.sleep(20);
    }
    assertEquals(1, temporaryFiles().size());
    Signals.send(signal, process);
    process.waitFor(60, TimeUnit.SECONDS);
    assertEquals(exitCode, process.exitValue());
    assertEquals(List.of(), temporaryFiles());
  }

  private List<Path> temporaryFiles() throws IOException {
    try (Stream<Path> files = Files.list(temporary)) {
      return files.toList();
    }
  }
}
