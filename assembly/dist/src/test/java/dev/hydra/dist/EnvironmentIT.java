package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What shells, containers and locales pass on changes nothing. */
class EnvironmentIT {
  private Path folder;
  private Path plugins;
  private Hydra hydra;

  @BeforeEach
  void preparePlugins(@TempDir Path temporary) throws Exception {
    folder = temporary;
    plugins = Files.createDirectory(folder.resolve("plugins"));
    TestBundle.probe().writeTo(plugins.resolve("probe.jar"));
    hydra = Hydra.withPlugins(plugins, folder);
  }

  @ParameterizedTest
  @CsvSource({
    "CDPATH, .:/tmp",
    "IFS, /",
    "BASH_ENV, /nowhere",
    "ENV, /nowhere",
    "GREP_OPTIONS, --color=always",
    "POSIXLY_CORRECT, 1",
    "TMPDIR, /nowhere",
    "TZ, Nowhere/None",
    "CLASSPATH, /nowhere",
    "OMP_NUM_THREADS, abc",
    "COLUMNS, abc",
    "LC_ALL, xx_YY.UTF-8"
  })
  void aVariableOfTheShellChangesNothing(String name, String value) throws Exception {
    Installation installation = Installation.copyTo(folder.resolve("hydra"));
    TestBundle.probe().writeTo(installation.plugins().resolve("probe.jar"));
    assertEquals(
        new Hydra.Result(0, List.of("[ü]", "stopped"), List.of()),
        new Hydra(Path.of("bin/hydra"), folder).in(installation.home()).with(name, value).run("ü"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"C", "POSIX", "C.UTF-8", "de_DE.UTF-8", ""})
  void textOfArgumentsIsUtf8(String locale) throws Exception {
    Hydra.Result result = hydra.without("LANG").with("LC_ALL", locale).run("prüfen € 漢");
    assertEquals(List.of("[prüfen € 漢]", "stopped"), result.out(), result.toString());
  }

  @Test
  void textThatCannotBeReadIsRefusedWithARemedy() throws Exception {
    Hydra.Result result = hydra.with("LC_ALL", "de_XX.ISO-8859-1").run("ü");
    assertEquals(1, result.exitCode(), result.toString());
    assertThat(result.err().get(0)).as(result.toString()).contains("argument 1 is not text");
    assertThat(result.err().get(0)).as(result.toString()).contains("set LC_ALL");
  }

  @ParameterizedTest
  @CsvSource({"ar, EG", "fa, IR", "bn, BD", "ne, NP", "tr, TR"})
  void digitsAndLettersOfALocaleDoNotReachPlugins(String language, String country)
      throws Exception {
    TestBundle.plugin("probe", dev.hydra.dist.probe.ProbeFactory.class)
        .writeTo(plugins.resolve("factory.jar"));
    Hydra.Result result =
        hydra
            .with("HYDRA_JAVA_OPTS", "-Duser.language=" + language + " -Duser.country=" + country)
            .run("factories");
    assertEquals(List.of(), result.err());
    assertThat(result.out())
        .as(result.toString())
        .anyMatch(line -> line.startsWith("probe plugin.probe 1.2.3 "));
  }

  @Test
  void anInstallationMayHaveAColonInItsPath() throws Exception {
    Installation installation = Installation.copyTo(folder.resolve("a:b ü"));
    TestBundle.probe().writeTo(installation.plugins().resolve("probe.jar"));
    assertEquals(
        new Hydra.Result(0, List.of("hydra.home=" + installation.home(), "stopped"), List.of()),
        new Hydra(installation.script(), folder)
            .with("LC_ALL", "C")
            .run("properties", "hydra.home"));
  }

  @Test
  void temporaryFilesGoWhereTmpdirSays() throws Exception {
    Path temporary = Files.createDirectory(folder.resolve("tmp of ü"));
    assertEquals(
        List.of("java.io.tmpdir=" + temporary, "stopped"),
        hydra.with("TMPDIR", temporary).run("properties", "java.io.tmpdir").out());
  }

  @Test
  void aFolderThatCannotBeWrittenIsNotForTemporaryFiles() throws Exception {
    Hydra.Result result = hydra.with("TMPDIR", "/proc").run("properties", "java.io.tmpdir");
    if (result.exitCode() == 0) { // whoever may not write there is given another one
      assertThat(result.out()).doesNotContain("java.io.tmpdir=/proc");
    } else { // root may, as far as the shell can tell
      assertThat(result.err())
          .singleElement()
          .asString()
          .endsWith("set TMPDIR to a folder that can" + " be written");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"HYDRA_JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"})
  void anotherGarbageCollectorMayBeChosen(String variable) throws Exception {
    assertEquals(
        List.of("[x]", "stopped"), hydra.with(variable, "-XX:+UseParallelGC").run("x").out());
  }
}
