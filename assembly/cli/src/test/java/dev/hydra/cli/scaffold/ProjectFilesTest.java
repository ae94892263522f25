package dev.hydra.cli.scaffold;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.cli.common.UsageException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProjectFilesTest {
  private static Map<String, String> files(String role, String type) throws IOException {
    return ProjectFiles.of(
            PluginProject.of("mine", role, Optional.of(type), Optional.of("org.me.mine")),
            "/opt/a & b/hydra")
        .texts();
  }

  @ParameterizedTest
  @CsvSource({"mixer, Mixer", "ffn, FeedForward", "memory, Memory", "router, Router"})
  void everyRoleHasTheSameFiles(String role, String component) throws IOException {
    Map<String, String> files = files(role, "my-own");
    assertEquals(
        new TreeSet<>(
            List.of(
                ".gitignore",
                "README.md",
                "example.conf",
                "pom.xml",
                "src/main/java/org/me/mine/MyOwnFactory.java",
                "src/main/java/org/me/mine/MyOwn" + component + ".java",
                "src/test/java/org/me/mine/MyOwnTest.java")),
        new TreeSet<>(files.keySet()));
    String factory = files.get("src/main/java/org/me/mine/MyOwnFactory.java");
    assertThat(Objects.requireNonNull(factory)).as(factory).contains("@HydraPlugin(\"my-own\")");
    assertThat(Objects.requireNonNull(files.get("example.conf"))).contains("{ type = my-own");
  }

  @ParameterizedTest
  @ValueSource(strings = {"mixer", "ffn", "memory", "router"})
  void nothingIsLeftToFillIn(String role) throws IOException {
    files(role, "my-own").values().forEach(text -> assertThat(text).doesNotContain("{{"));
  }

  @Test
  void pomNamesTheInstallationAndTheVersions() throws IOException {
    String pom = Objects.requireNonNull(files("mixer", "my-own").get("pom.xml"));
    assertThat(pom).contains("<hydra.home>/opt/a &amp; b/hydra</hydra.home>");
    assertThat(pom).contains("<groupId>org.me</groupId>");
    assertThat(pom).contains("<artifactId>mine</artifactId>");
    assertThat(pom).contains("Bundle-SymbolicName: org.me.mine\n");
    assertThat(pom)
        .as("versions are filled in by the build: " + pom)
        .doesNotContain("${project.version}");
  }

  @ParameterizedTest
  @CsvSource({
    "component, dev.hydra.api.ComponentFactory",
    "config, com.typesafe.config.ConfigFactory",
    "dynamic, org.junit.jupiter.api.DynamicTest",
    "test, org.junit.jupiter.api.TestFactory"
  })
  void typesWhoseClassesClashAreRefused(String type, String with) {
    UsageException refused = assertThrows(UsageException.class, () -> files("mixer", type));
    String message = String.valueOf(refused.getMessage());
    assertThat(message).contains("the type \"" + type + "\" cannot be used");
    assertThat(message).contains("would clash with " + with);
  }

  @Test
  void writesIntoANewFolderOnly(@TempDir Path folder) throws IOException {
    ProjectFiles files = new ProjectFiles(Map.of("a/b.txt", "b\n", "c.txt", "c\n"));
    Path project = folder.resolve("not there/project");
    files.writeTo(project);
    assertEquals("b\n", Files.readString(project.resolve("a/b.txt")));
    assertEquals("c\n", Files.readString(project.resolve("c.txt")));
    assertThrows(FileAlreadyExistsException.class, () -> files.writeTo(project));
  }
}
