package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.dist.probe.ProbeFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the launcher owes the command line and the plugins. */
class LauncherIT {
  private Path plugins;
  private Hydra hydra;

  @BeforeEach
  void preparePlugins(@TempDir Path folder) throws Exception {
    plugins = Files.createDirectory(folder.resolve("plugins"));
    TestBundle.probe().writeTo(plugins.resolve("probe.jar"));
    hydra = Hydra.withPlugins(plugins, folder);
  }

  @Test
  void passesArgumentsThrough() throws Exception {
    assertEquals(
        new Hydra.Result(0, List.of("[a b]", "[]", "[*]", "[--x=$HOME]", "stopped"), List.of()),
        hydra.run("a b", "", "*", "--x=$HOME"));
  }

  @Test
  void passesTheExitCodeThrough() throws Exception {
    assertEquals(new Hydra.Result(130, List.of("stopped"), List.of()), hydra.run("exit", "130"));
  }

  @Test
  void showsWhatTheCommandThrowsAndFails() throws Exception {
    Hydra.Result result = hydra.run("throw");
    assertEquals(1, result.exitCode());
    assertEquals("java.lang.IllegalStateException: thrown by the command", result.err().get(0));
  }

  @Test
  void registersFactoriesWithTypeAndVersion() throws Exception {
    TestBundle.plugin("probe", ProbeFactory.class).writeTo(plugins.resolve("factory.jar"));
    Hydra.Result result = hydra.run("factories");
    assertThat(result.out())
        .as(result.toString())
        .contains("probe plugin.probe 1.2.3 " + ProbeFactory.class.getName());
    assertEquals(List.of(), result.err());
  }

  @Test
  void offersTwoVersionsOfAPluginSideBySide() throws Exception {
    TestBundle plugin = TestBundle.plugin("probe", ProbeFactory.class);
    plugin.writeTo(plugins.resolve("old.jar"));
    plugin.with("Bundle-Version", "1.3.0").writeTo(plugins.resolve("new.jar"));
    String type = ProbeFactory.class.getName();
    List<String> factories = hydra.run("factories").out();
    assertThat(factories).contains("probe plugin.probe 1.2.3 " + type);
    assertThat(factories).contains("probe plugin.probe 1.3.0 " + type);
  }

  @Test
  void givesPluginsLibTorch() throws Exception {
    assertEquals(
        new Hydra.Result(0, List.of("sum 6.0", "stopped"), List.of()), hydra.run("libtorch"));
  }

  @Test
  void tellsHomeAndThatThereIsNoTerminal() throws Exception {
    assertEquals(
        List.of("hydra.home=" + Hydra.HOME, "hydra.terminal=false", "stopped"),
        hydra.run("properties", "hydra.home", "hydra.terminal").out());
  }

  @Test
  void refusesAPluginFolderThatIsNotThere(@TempDir Path folder) throws Exception {
    Path missing = folder.resolve("missing");
    Hydra.Result result = hydra.with("HYDRA_PLUGINS", missing).run();
    assertEquals(1, result.exitCode());
    assertEquals(1, result.err().size());
    assertThat(result.err().get(0))
        .as(result.toString())
        .contains(
            "HYDRA_PLUGINS must name a folder with plugins, but " + missing + " is not there");
    Path file = Files.createFile(folder.resolve("plugin.jar"));
    assertThat(hydra.with("HYDRA_PLUGINS", file).run().err())
        .singleElement()
        .asString()
        .contains(file + " is a file; name the folder that it is in");
  }
}
