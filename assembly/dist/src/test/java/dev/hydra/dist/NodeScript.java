package dev.hydra.dist;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A check in JavaScript, in a folder whose packages {@code npm ci} has brought. */
record NodeScript(Path file) {
  private static final long LIMIT_SECONDS = 300;

  /** A check of a page. */
  static NodeScript page(String name) {
    return new NodeScript(Path.of("src/test/pages").toAbsolutePath().resolve(name));
  }

  /** Says whether what checks pages is there: {@code .ci/run} brings it. */
  static boolean checksPages() {
    return page("browser.mjs").has("playwright-core") && chromium().isPresent();
  }

  /** Says whether a package and what runs it are there. */
  boolean has(String name) {
    return Files.exists(file.resolveSibling("node_modules").resolve(name))
        && program("node").isPresent();
  }

  private static Optional<Path> chromium() {
    return Stream.of("chromium", "chromium-browser", "google-chrome")
        .flatMap(name -> program(name).stream())
        .findFirst();
  }

  private static Optional<Path> program(String name) {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return Stream.of(path.split(File.pathSeparator))
        .map(folder -> Path.of(folder, name))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /**
   * Runs the check; it must pass.
   *
   * @param folder where it leaves temporary files
   * @param variables what it is told
   * @return what it has said
   */
  String passes(Path folder, Map<String, String> variables) throws Exception {
    Path said = Files.createTempFile(folder, "check-", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder("node", file.toString())
            .redirectErrorStream(true)
            .redirectOutput(said.toFile());
    builder.environment().remove("KEY");
    builder.environment().put("TMPDIR", folder.toString());
    builder.environment().put("PICTURES", Path.of("target").toAbsolutePath().toString());
    chromium().ifPresent(program -> builder.environment().put("CHROMIUM", program.toString()));
    builder.environment().putAll(variables);
    Process process = builder.start();
    try {
      assertTrue(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS), "the check goes on");
    } finally {
      process.destroyForcibly().waitFor();
    }
    String text = Files.readString(said);
    assertEquals(0, process.exitValue(), text);
    return text;
  }
}
