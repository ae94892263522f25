package dev.hydra.trainer.metrics;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** The file of a run's metrics, a {@link MetricLine} a line. */
public final class MetricsFile {
  private final JsonLines lines;

  /** Names the file, which is made when the first line is added. */
  public MetricsFile(Path file) {
    lines = new JsonLines(file);
  }

  /** Adds a line; it is in the file when this returns. */
  public void add(MetricLine line) throws IOException {
    lines.add(line.toMap());
  }

  /** Takes a line. */
  @FunctionalInterface
  public interface Action {
    void accept(MetricLine line) throws IOException;
  }

  /** Reads the lines in their order; what is not a line of metrics is left out. */
  public void forEach(Action action) throws IOException {
    lines.forEach(
        object -> {
          Optional<MetricLine> line = MetricLine.of(object);
          if (line.isPresent()) {
            action.accept(line.get());
          }
        });
  }

  /** Reads all lines in their order. */
  public List<MetricLine> all() throws IOException {
    List<MetricLine> all = new ArrayList<>();
    forEach(all::add);
    return all;
  }

  /**
   * Cuts the file back to a checkpoint: lines of later steps go, and what was said of its step
   * after it, as far as that happens again. Nothing is left of a run without a checkpoint.
   *
   * @param step the step of the checkpoint; 0: there is none
   * @param scoredAgain whether that step is the last, after which held-out text is scored again
   */
  public void cutBack(long step, boolean scoredAgain) throws IOException {
    boolean[] saved = new boolean[1];
    Predicate<MetricLine> kept =
        line -> {
          boolean checkpoint = line.kind().equals(MetricLine.CHECKPOINT) && line.step() == step;
          boolean after = saved[0];
          saved[0] |= checkpoint;
          return switch (line.kind()) {
            case MetricLine.VALIDATION ->
                line.step() < step || (line.step() == step && !scoredAgain);
            case MetricLine.STEP, MetricLine.OBSERVATION -> line.step() <= step;
            default -> line.step() < step || (line.step() == step && !after);
          };
        };
    lines.keep(object -> step > 0 && MetricLine.of(object).filter(kept).isPresent());
  }
}
