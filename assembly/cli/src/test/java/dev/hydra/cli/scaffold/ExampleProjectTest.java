package dev.hydra.cli.scaffold;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The example project is what the command writes, but that it builds against the distribution
 * beside it. With {@code -Dhydra.example=write} it is written.
 */
class ExampleProjectTest {
  private static final Path EXAMPLE = Path.of("../../examples/hello-plugin");
  private static final String HOME = "${project.basedir}/../../assembly/dist/target/hydra";

  @Test
  void exampleIsWhatTheCommandWrites() throws IOException {
    PluginProject project =
        PluginProject.of(
            "hello-plugin", "mixer", Optional.of("ema"), Optional.of("com.example.hydra.ema"));
    ProjectFiles files = ProjectFiles.of(project, HOME);
    Map<String, String> expected = new TreeMap<>(files.texts());
    // The tests' native libraries are those of the machine that builds.
    expected.compute("pom.xml", (path, text) -> onLinux(String.valueOf(text)));
    if (System.getProperty("hydra.example", "").equals("write")) {
      write(expected);
    }
    assertEquals(expected, read(), "run this test with -Dhydra.example=write");
  }

  private static String onLinux(String pom) {
    return pom.replaceFirst(
        "<native.platform>.*</native.platform>", "<native.platform>linux-x86_64</native.platform>");
  }

  private static void write(Map<String, String> texts) throws IOException {
    for (Map.Entry<String, String> each : texts.entrySet()) {
      Path file = EXAMPLE.resolve(each.getKey());
      Files.createDirectories(file.getParent());
      Files.writeString(file, each.getValue());
    }
  }

  private static Map<String, String> read() throws IOException {
    Map<String, String> texts = new TreeMap<>();
    try (Stream<Path> paths = Files.walk(EXAMPLE)) {
      for (Path path : paths.filter(Files::isRegularFile).toList()) {
        String name = EXAMPLE.relativize(path).toString().replace('\\', '/');
        if (!name.startsWith("target/")) {
          texts.put(name, Files.readString(path));
        }
      }
    }
    return texts;
  }
}
