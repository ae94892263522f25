package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The start script finds Java and treats each version as it needs. */
class StartScriptIT {
  private static final String NEW_ONLY = "--sun-misc-unsafe-memory-access=allow";

  private Path folder;
  private Hydra hydra;

  @BeforeEach
  void prepare(@TempDir Path temporary) {
    folder = temporary;
    hydra = new Hydra(Hydra.HOME.resolve("bin/hydra"), folder);
  }

  @ParameterizedTest
  @ValueSource(strings = {"17.0.15", "21", "23.0.1"})
  void passesNoNewOptionsToOlderJava(String version) throws Exception {
    Hydra.Result result = hydra.with("JAVA_HOME", javaThatPrints(version)).run("x y");
    assertEquals(0, result.exitCode());
    assertThat(result.out()).as(result.toString()).contains("x y");
    assertThat(result.out()).as(result.toString()).doesNotContain(NEW_ONLY);
  }

  @ParameterizedTest
  @ValueSource(strings = {"24", "25.0.1+9", "26-ea"})
  void passesNewOptionsToNewerJava(String version) throws Exception {
    List<String> out = hydra.with("JAVA_HOME", javaThatPrints(version)).run().out();
    assertThat(out).contains(NEW_ONLY);
  }

  @Test
  void asksJavaItselfIfThereIsNoReleaseFile() throws Exception {
    Path home = javaThatPrints("25");
    Files.delete(home.resolve("release"));
    List<String> out = hydra.with("JAVA_HOME", home).run().out();
    assertThat(out).contains(NEW_ONLY);
  }

  @Test
  void findsJavaOnThePath() throws Exception {
    Path home = javaThatPrints("17.0.1");
    Path bin = Files.createDirectory(folder.resolve("links"));
    Files.createSymbolicLink(bin.resolve("java"), home.resolve("bin/java"));
    List<String> out =
        hydra.without("JAVA_HOME").with("PATH", bin + ":" + System.getenv("PATH")).run("z").out();
    assertThat(out).contains("z");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1.8.0_402", "11.0.2", "16", "unreadable"})
  void refusesOldJava(String version) throws Exception {
    assertFails(
        hydra.with("JAVA_HOME", javaThatPrints(version)), "Java 17 or newer is needed, but");
  }

  @Test
  void refusesAJavaHomeWithoutJava() throws Exception {
    assertFails(hydra.with("JAVA_HOME", folder), "JAVA_HOME is " + folder);
  }

  @Test
  void saysThatThereIsNoJava() throws Exception {
    assertFails(
        hydra.without("JAVA_HOME").with("PATH", "/nowhere"),
        "Java 17 or newer is needed: set JAVA_HOME or put java on the PATH");
  }

  @Test
  void saysThatTheWorkingFolderIsGone() throws Exception {
    String gone = "mkdir gone && cd gone && rmdir ../gone && exec '" + Hydra.HOME + "/bin/hydra'";
    Hydra.Result result =
        new Hydra(Path.of("/bin/sh"), folder)
            .in(folder)
            .with("JAVA_HOME", javaThatPrints("17"))
            .run("-c", gone);
    assertEquals(1, result.exitCode(), result.toString());
    assertThat(result.err()).anyMatch(said -> said.startsWith("hydra: the working folder is gone"));
  }

  @Test
  void optionsOfTheUserWin() throws Exception {
    List<String> out =
        hydra
            .with("JAVA_HOME", javaThatPrints("17"))
            .with("HYDRA_JAVA_OPTS", "-Xmx9g -Da=b")
            .run()
            .out();
    assertTrue(out.indexOf("-Xmx9g") > out.indexOf("-Xmx1g"), out.toString());
    assertThat(out).contains("-Da=b");
  }

  @Test
  void nativesCanBeReplaced() throws Exception {
    List<String> out =
        hydra
            .with("JAVA_HOME", javaThatPrints("17"))
            .with("HYDRA_NATIVES", "/a b.jar:/c.jar")
            .run()
            .out();
    assertThat(out).contains(Hydra.HOME + "/lib/*:/a b.jar:/c.jar");
  }

  @Test
  void newestLongTermReleaseRunsLibTorchWithoutAWord() throws Exception {
    Optional<Path> java = java25();
    assumeTrue(java.isPresent(), "no Java 25 here");
    Path plugins = Files.createDirectory(folder.resolve("plugins"));
    TestBundle.probe().writeTo(plugins.resolve("probe.jar"));
    assertEquals(
        new Hydra.Result(0, List.of("sum 6.0", "stopped"), List.of()),
        hydra.with("JAVA_HOME", java.get()).with("HYDRA_PLUGINS", plugins).run("libtorch"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"generate", "chat", "serve", "bench generate"})
  void threadsStayAwakeBetweenTheProductsOfATokenOnly(String command) throws Exception {
    Hydra quiet = hydra.without("OMP_WAIT_POLICY").without("GOMP_SPINCOUNT");
    quiet = quiet.with("JAVA_HOME", javaThatPrints("17.0.15"));
    String[] words = ("--threads 2 " + command + " x").split(" ");
    assertThat(quiet.run(words).out()).contains("policy passive", "spins 4000");
    assertThat(quiet.run("bench", "train", "generate").out()).contains("policy passive", "spins ");
    assertThat(quiet.with("GOMP_SPINCOUNT", "7").run(words).out()).contains("spins 7");
    assertThat(quiet.without("GOMP_SPINCOUNT").with("OMP_WAIT_POLICY", "active").run(words).out())
        .contains("policy active", "spins ");
  }

  private static void assertFails(Hydra hydra, String reason) throws Exception {
    Hydra.Result result = hydra.run();
    assertEquals(1, result.exitCode(), result.toString());
    assertEquals(1, result.err().size(), result.toString());
    assertThat(result.err().get(0)).as(result.toString()).startsWith("hydra: " + reason);
  }

  /**
   * A Java home of some version whose java prints its arguments, one a line, and how threads wait.
   */
  private Path javaThatPrints(String version) throws IOException {
    Path home = folder.resolve("jdk " + version);
    Path java = Files.createDirectories(home.resolve("bin")).resolve("java");
    Files.writeString(
        java,
        """
        #!/bin/sh
        if [ "$1" = -version ]; then echo 'openjdk version "%s" 2025-09-16' >&2; exit; fi
        printf '%%s\\n' "$@" "policy ${OMP_WAIT_POLICY:-}" "spins ${GOMP_SPINCOUNT:-}"
        """
            .formatted(version));
    java.toFile().setExecutable(true);
    Files.writeString(
        home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"%s\"\n".formatted(version));
    return home;
  }

  private static Optional<Path> java25() throws IOException {
    String home = System.getenv("JAVA25_HOME");
    if (home != null) {
      return Optional.of(Path.of(home));
    }
    Path known = Path.of("/usr/lib/jvm");
    if (!Files.isDirectory(known)) {
      return Optional.empty();
    }
    try (Stream<Path> folders = Files.list(known)) {
      return folders.filter(folder -> folder.toString().contains("-25-")).findFirst();
    }
  }
}
