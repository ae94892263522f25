package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The distribution works wherever it is put, and says what it lacks. */
class InstallationIT {
  private Path folder;
  private Installation installation;

  @BeforeEach
  void install(@TempDir Path temporary) throws Exception {
    folder = temporary;
    installation = Installation.copyTo(folder.resolve("with spaces & ünïcode"));
    TestBundle.probe().writeTo(installation.plugins().resolve("probe 1.jar"));
  }

  @Test
  void worksFromAPathWithSpacesInAnyWorkingDirectory() throws Exception {
    Hydra hydra = new Hydra(installation.script(), folder).in(Path.of("/"));
    assertEquals(
        new Hydra.Result(
            0, List.of("hydra.home=" + installation.home(), "user.dir=/", "stopped"), List.of()),
        hydra.run("properties", "hydra.home", "user.dir"));
  }

  @Test
  void worksThroughSymbolicLinks() throws Exception {
    Path bin = Files.createDirectory(folder.resolve("my bin"));
    Path absolute = Files.createSymbolicLink(bin.resolve("hydra-1"), installation.script());
    Path relative = Files.createSymbolicLink(bin.resolve("hydra"), absolute.getFileName());
    assertEquals(
        List.of("hydra.home=" + installation.home(), "stopped"),
        new Hydra(relative, folder).run("properties", "hydra.home").out());
  }

  @Test
  void writesNothingIntoTheInstallation() throws Exception {
    Map<Path, FileTime> before = installation.freeze();
    try {
      assertEquals(0, new Hydra(installation.script(), folder).run("factories").exitCode());
      assertEquals(before, installation.times());
    } finally {
      installation.thaw();
    }
  }

  @Test
  void saysThatNoPluginOffersACommandLine() throws Exception {
    Files.delete(installation.plugins().resolve("probe 1.jar"));
    assertFails("no plugin offers a command line");
  }

  @Test
  void saysThatTheFrameworkIsMissing() throws Exception {
    installation.deleteLibrary("org.apache.felix");
    assertFails("incomplete");
  }

  private void assertFails(String reason) throws Exception {
    Hydra.Result result = new Hydra(installation.script(), folder).run();
    assertEquals(1, result.exitCode());
    assertEquals(1, result.err().size(), result.toString());
    assertThat(result.err().get(0)).as(result.toString()).startsWith("hydra: cannot start: ");
    assertThat(result.err().get(0)).as(result.toString()).contains(reason);
  }
}
