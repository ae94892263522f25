package dev.hydra.cli.experiment;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * Asks nvidia-smi, where there is one, for the part of the time in which a GPU computed anything:
 * how much of it was used at that time is not in it.
 */
public final class GpuUse implements AutoCloseable {
  private static final String PROGRAM = "nvidia-smi";
  private static final String EVERY_MILLIS = "500";
  private static final double PERCENT = 100;

  private final @Nullable Process process;
  private final @Nullable Path log;

  private GpuUse(@Nullable Process process, @Nullable Path log) {
    this.process = process;
    this.log = log;
  }

  /**
   * Begins to ask.
   *
   * @param device the name of the device, such as {@code cuda:1}
   */
  public static GpuUse begin(String device) throws IOException {
    Optional<Path> program = device.startsWith("cuda") ? program() : Optional.empty();
    if (program.isEmpty()) {
      return new GpuUse(null, null);
    }
    Path log = Files.createTempFile("hydra-gpu", ".csv");
    Process process =
        new ProcessBuilder(
                program.get().toString(),
                "--query-gpu=utilization.gpu",
                "--format=csv,noheader,nounits",
                "-i",
                device.contains(":") ? device.substring(device.indexOf(':') + 1) : "0",
                "-lms",
                EVERY_MILLIS)
            .redirectOutput(log.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    return new GpuUse(process, log);
  }

  private static Optional<Path> program() {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return List.of(path.split(java.io.File.pathSeparator)).stream()
        .filter(folder -> !folder.isEmpty())
        .map(folder -> Path.of(folder, PROGRAM))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** Returns the mean since the beginning; empty where nothing was heard. */
  public OptionalDouble busy() throws IOException {
    return log == null
        ? OptionalDouble.empty()
        : busy(Files.readAllLines(log, StandardCharsets.UTF_8));
  }

  /** Returns the mean of lines of whole percents; others, such as "[N/A]", do not count. */
  static OptionalDouble busy(List<String> lines) {
    OptionalDouble mean =
        lines.stream()
            .map(String::strip)
            .filter(line -> line.matches("\\d+"))
            .mapToInt(Integer::parseInt)
            .average();
    return mean.isPresent() ? OptionalDouble.of(mean.getAsDouble() / PERCENT) : mean;
  }

  @Override
  public void close() throws IOException {
    if (process != null) {
      process.destroy();
    }
    if (log != null) {
      Files.deleteIfExists(log);
    }
  }
}
