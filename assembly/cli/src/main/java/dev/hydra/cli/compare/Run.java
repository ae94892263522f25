package dev.hydra.cli.compare;

import com.typesafe.config.Config;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.page.Curve;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.trainer.metrics.MetricLine;
import dev.hydra.trainer.metrics.MetricsFile;
import dev.hydra.trainer.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/**
 * What a run has left in its folder.
 *
 * @param name the name of the folder, or its path where two have the same name
 * @param config the resolved configuration it began with
 * @param lines its metrics, in their order
 */
public record Run(String name, Path folder, Config config, List<MetricLine> lines) {
  /** Marks in the curves that tell of changes; checkpoints, which change nothing, are not. */
  private static final Set<String> MARKS = Set.of("swap", "rollback", "stage", "resume");

  /**
   * Reads run folders.
   *
   * @throws UsageException if a folder is not that of a run, or is named twice
   */
  static List<Run> read(List<Path> folders) throws IOException {
    List<Run> runs = new ArrayList<>();
    for (Map.Entry<String, Path> each : named(folders).entrySet()) {
      RunFolder files = new RunFolder(each.getValue());
      check(files, files.config(), files.metrics());
      runs.add(
          new Run(
              each.getKey(),
              each.getValue(),
              ConfigFiles.load(files.config(), List.of()),
              new MetricsFile(files.metrics()).all()));
    }
    return runs;
  }

  /**
   * Names run folders by their last names, or by their paths where two have the same.
   *
   * @throws UsageException if one is not the folder of a run that has begun, or is named twice
   */
  public static Map<String, Path> named(List<Path> folders) throws IOException {
    Map<String, Path> named = new LinkedHashMap<>();
    Set<Path> seen = new TreeSet<>();
    for (Path folder : folders) {
      RunFolder files = new RunFolder(folder);
      check(files, files.config());
      if (!seen.add(folder.toRealPath())) {
        throw new UsageException(folder + " is named twice");
      }
      String name = name(folder);
      boolean taken = folders.stream().filter(other -> name(other).equals(name)).count() > 1;
      named.put(taken ? folder.normalize().toString() : name, folder);
    }
    return named;
  }

  private static String name(Path folder) {
    Path last = folder.toAbsolutePath().normalize().getFileName();
    return last == null ? folder.toString() : last.toString();
  }

  private static void check(RunFolder folder, Path... needed) {
    Path path = folder.path();
    if (!Files.isDirectory(path)) {
      throw new UsageException(
          Files.exists(path) ? path + " is not a folder" : "there is no folder " + path);
    }
    for (Path file : needed) {
      if (!Files.isRegularFile(file)) {
        throw new UsageException(
            path
                + " is not a run folder: there is no "
                + file.getFileName()
                + " in it; name the folder that hydra train wrote to");
      }
    }
  }

  /** Returns the lines of a kind, in their order. */
  public List<MetricLine> lines(String kind) {
    return lines.stream().filter(line -> line.kind().equals(kind)).toList();
  }

  /** Returns the changes of the run: swaps, rollbacks, stages and resumes. */
  List<MetricLine> marks() {
    return lines.stream().filter(line -> MARKS.contains(line.kind())).toList();
  }

  /** Returns the names of its sets of held-out text, in alphabetical order. */
  Set<String> validationSets() {
    Set<String> sets = new TreeSet<>();
    lines(MetricLine.VALIDATION).forEach(line -> sets.add(line.text("set")));
    return sets;
  }

  /** Says whether scores on one set are not all of the same amount of text. */
  boolean scoresUnevenly() {
    return validationSets().stream()
        .anyMatch(
            set ->
                lines(MetricLine.VALIDATION).stream()
                        .filter(line -> line.text("set").equals(set))
                        .map(line -> line.number("scored_bytes"))
                        .distinct()
                        .count()
                    > 1);
  }

  /** Returns a metric of optimizer steps over an axis. */
  Curve steps(Axis axis, String metric) {
    return curve(axis, line -> line.kind().equals(MetricLine.STEP), line -> line.number(metric));
  }

  /** Returns the bits per byte of a set of held-out text over an axis. */
  Curve bitsPerByte(Axis axis, String set) {
    return curve(
        axis,
        line -> line.kind().equals(MetricLine.VALIDATION) && line.text("set").equals(set),
        line -> line.number("bits_per_byte"));
  }

  private Curve curve(Axis axis, Predicate<MetricLine> chosen, ToDoubleFunction<MetricLine> value) {
    Curve.Builder curve = new Curve.Builder();
    lines.stream()
        .filter(chosen)
        .forEach(line -> curve.add(axis.of(line), value.applyAsDouble(line)));
    return curve.build();
  }
}
