package dev.hydra.dist;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Runs the start script of a distribution in a process of its own. */
final class Hydra {
  /** The distribution that the build has made. */
  static final Path HOME =
      Path.of(System.getProperty("hydra.home", "target/hydra")).toAbsolutePath();

  private static final long LIMIT_SECONDS = 300;

  /** What a finished process has left. */
  record Result(int exitCode, List<String> out, List<String> err) {}

  private final ProcessBuilder process;
  private final Path logs;

  /** The start script of an installation; what it writes is kept in files of a folder. */
  Hydra(Path script, Path logs) {
    this.logs = logs;
    process = new ProcessBuilder(script.toString());
    process.redirectOutput(logs.resolve("out.txt").toFile());
    process.redirectError(logs.resolve("err.txt").toFile());
    process.environment().keySet().removeIf(name -> name.startsWith("HYDRA_"));
  }

  /** The start script of the distribution with a folder of further plugins. */
  static Hydra withPlugins(Path plugins, Path logs) {
    return new Hydra(HOME.resolve("bin/hydra"), logs).with("HYDRA_PLUGINS", plugins);
  }

  /** The jar of a plugin of the distribution. */
  static Path jar(String plugin) throws IOException {
    try (Stream<Path> jars = Files.list(HOME.resolve("plugins"))) {
      return jars.filter(
              jar -> jar.getFileName().toString().matches("(hydra-)?" + plugin + "-\\d.*"))
          .findFirst()
          .orElseThrow();
    }
  }

  Hydra with(String variable, Object value) {
    process.environment().put(variable, value.toString());
    return this;
  }

  Hydra without(String variable) {
    process.environment().remove(variable);
    return this;
  }

  Hydra in(Path workingDirectory) {
    process.directory(workingDirectory.toFile());
    return this;
  }

  Process start(String... arguments) throws IOException {
    List<String> command = new ArrayList<>(process.command().subList(0, 1));
    command.addAll(Arrays.asList(arguments));
    return process.command(command).start();
  }

  Result run(String... arguments) throws IOException, InterruptedException {
    Process started = start(arguments);
    if (!started.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
      started.destroyForcibly();
      throw new AssertionError("still running: " + Map.of("out", out(), "err", err()));
    }
    return new Result(started.exitValue(), out(), err());
  }

  /** Where the owner looks at what is served, who has the key; waits until that is told. */
  String ownersAddress() throws IOException, InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
    while (System.nanoTime() < end) {
      for (String line : err()) {
        if (line.contains("#key=")) {
          return line.replaceFirst(".*(http:)", "$1");
        }
      }
      Thread.sleep(50);
    }
    throw new AssertionError("it said " + err());
  }

  List<String> out() throws IOException {
    return Files.readAllLines(logs.resolve("out.txt"));
  }

  List<String> err() throws IOException {
    return Files.readAllLines(logs.resolve("err.txt"));
  }
}
