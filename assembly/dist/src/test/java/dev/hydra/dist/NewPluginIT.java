package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code hydra plugins new} writes projects that build, pass the conformance kit and can be
 * trained, with nothing of Hydra but the installation.
 */
class NewPluginIT {
  private static final List<String> ROLES = List.of("mixer", "ffn", "memory", "router");
  private static final long LIMIT_MINUTES = 5;

  /** Kept between builds: it holds copies of large native libraries. */
  private static final Path REPOSITORY = Path.of("target/it-repository").toAbsolutePath();

  @TempDir Path folder;

  @Test
  void everyRoleBuildsPassesTheKitAndTrains() throws Exception {
    Path work = Files.createDirectory(folder.resolve("my plugins & ünïcode"));
    Path script = install(folder.resolve("an installation").resolve("hydra"));
    for (String role : ROLES) {
      run(new Hydra(script, folder).in(work), "plugins", "new", "new-" + role, "--role", role);
    }
    build(work);
    for (String role : ROLES) {
      Path jar = work.resolve("new-%s/target/new-%s-1.0.0.jar".formatted(role, role));
      List<String> checks =
          run(new Hydra(script, folder).in(work), "plugins", "verify", jar.toString()).out();
      assertEquals("all passed", checks.get(checks.size() - 1));
    }
    Path plugins = Files.createDirectory(work.resolve("plugins"));
    for (String role : ROLES) {
      String jar = "new-%s-1.0.0.jar".formatted(role);
      Files.copy(work.resolve("new-" + role + "/target/" + jar), plugins.resolve(jar));
    }
    for (String role : List.of("mixer", "ffn", "memory")) {
      Hydra hydra = new Hydra(script, folder).with("HYDRA_PLUGINS", plugins).in(work);
      String model =
          String.join("\n", run(hydra, "inspect", "new-" + role + "/example.conf").out());
      assertThat(model).contains("new-" + role);
    }
    train(new Hydra(script, folder).with("HYDRA_PLUGINS", plugins).in(work), "new-router");
    String metrics = Files.readString(work.resolve("run/metrics.jsonl"));
    assertThat(metrics).contains("\"step\":2,");
    assertThat(metrics)
        .as("the router's loss counts: " + metrics)
        .doesNotContain("\"auxiliary_loss\":0.0,");
  }

  private static void train(Hydra hydra, String project) throws Exception {
    List<String> arguments = new ArrayList<>();
    arguments.addAll(List.of("train", project + "/example.conf", "--run-dir", "run"));
    arguments.addAll(List.of("--set", "trainer.steps=2", "--set", "trainer.evaluation.every=0"));
    run(hydra, arguments.toArray(String[]::new));
  }

  /** The distribution under another path. */
  private static Path install(Path home) throws IOException {
    Path bin = Files.createDirectories(home.resolve("bin"));
    Files.copy(Hydra.HOME.resolve("bin/hydra"), bin.resolve("hydra"));
    assertTrue(bin.resolve("hydra").toFile().setExecutable(true));
    for (String part : List.of("lib", "plugins", "maven", "data", "configs")) {
      Files.createSymbolicLink(home.resolve(part), Hydra.HOME.resolve(part));
    }
    return bin.resolve("hydra");
  }

  private static Hydra.Result run(Hydra hydra, String... arguments) throws Exception {
    Hydra.Result result = hydra.run(arguments);
    assertEquals(0, result.exitCode(), result.toString());
    return result;
  }

  /**
   * Builds all projects by one Maven, the one that builds Hydra. Its local repository stands for
   * Maven Central, and an empty one takes its place, so that no other jar of Hydra can be found.
   */
  private void build(Path work) throws Exception {
    deleteHydraOfBuildsBefore();
    String modules =
        ROLES.stream()
            .map(role -> "<module>new-" + role + "</module>")
            .collect(Collectors.joining());
    Files.writeString(
        work.resolve("pom.xml"),
        """
        <project>
          <modelVersion>4.0.0</modelVersion>
          <groupId>all</groupId><artifactId>all</artifactId><version>1</version>
          <packaging>pom</packaging>
          <modules>%s</modules>
        </project>
        """
            .formatted(modules));
    String central =
        "<id>central</id><url>%s</url><releases><checksumPolicy>ignore</checksumPolicy></releases>"
            .formatted(Path.of(System.getProperty("maven.repository")).toUri());
    Files.writeString(
        work.resolve("settings.xml"),
        """
        <settings>
          <profiles><profile>
            <id>downloaded</id>
            <repositories><repository>%1$s</repository></repositories>
            <pluginRepositories><pluginRepository>%1$s</pluginRepository></pluginRepositories>
          </profile></profiles>
          <activeProfiles><activeProfile>downloaded</activeProfile></activeProfiles>
        </settings>
        """
            .formatted(central));
    Path log = folder.resolve("maven.txt");
    ProcessBuilder maven =
        new ProcessBuilder(
                System.getProperty("maven.home") + "/bin/mvn",
                "-B",
                "-o",
                "-Daether.offline.protocols=file",
                "-s",
                "settings.xml",
                "-Dmaven.repo.local=" + REPOSITORY,
                // The kit runs in the installation afterwards.
                "-Dtest=!New*Test#conforms",
                "verify")
            .directory(work.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    maven.environment().put("JAVA_HOME", System.getProperty("java.home"));
    maven.environment().keySet().removeIf(name -> name.startsWith("MAVEN_"));
    Process process = maven.start();
    boolean ended = process.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES);
    process.destroyForcibly();
    assertTrue(ended && process.exitValue() == 0, Files.readString(log));
    assertThat(Files.readString(log)).contains("NewMixerTest");
  }

  private static void deleteHydraOfBuildsBefore() throws IOException {
    Path hydra = REPOSITORY.resolve("dev/hydra");
    if (Files.exists(hydra)) {
      try (Stream<Path> paths = Files.walk(hydra)) {
        for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }
}
