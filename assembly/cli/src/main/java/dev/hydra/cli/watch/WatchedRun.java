package dev.hydra.cli.watch;

import com.typesafe.config.Config;
import dev.hydra.cli.common.ModelDescription;
import dev.hydra.cli.compare.Run;
import dev.hydra.cli.swap.ChannelChanges;
import dev.hydra.cli.swap.ControlClient;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.serve.ModelChanges;
import dev.hydra.trainer.metrics.JsonLines;
import dev.hydra.trainer.metrics.MetricLine;
import dev.hydra.trainer.metrics.MetricsTail;
import dev.hydra.trainer.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** A run that is followed: what its folder and, while it trains, its process tell. */
final class WatchedRun {
  private static final long TOKENS = 1024;

  private final String name;
  private final Path folder;
  private final RunFolder files;
  private final MetricsTail metrics;
  private final ModelSource source;
  private final Executor asking;
  private Run run;
  private List<Map<String, Object>> journal = List.of();
  private String configStamp = "";
  private String journalStamp = "";
  private String modelStamp = "";
  private boolean training;
  private volatile @Nullable Map<String, ?> model;

  /**
   * Names a run.
   *
   * @param source describes the model where no process can be asked
   * @param asking runs what may have to wait for a training
   */
  WatchedRun(String name, Path folder, ModelSource source, Executor asking) {
    this.name = name;
    this.folder = folder;
    this.source = source;
    this.asking = asking;
    files = new RunFolder(folder);
    metrics = new MetricsTail(files.metrics());
    run = new Run(name, folder, ConfigFiles.load(files.config(), List.of()), List.of());
  }

  String name() {
    return name;
  }

  Path folder() {
    return folder;
  }

  /** Says whether a process is training it and can be talked to. */
  boolean training() {
    return training;
  }

  /** Returns its journal, one event each. */
  List<Map<String, Object>> journal() {
    return journal;
  }

  /**
   * Returns what its model is composed of, or why that is not known; null while it is found out.
   */
  @Nullable Map<String, ?> model() {
    return model;
  }

  /** Returns it as it is compared. */
  Run run() {
    return run;
  }

  /** Reads what is new in its folder. */
  void update() throws IOException {
    training = ControlClient.listens(folder);
    boolean more = metrics.update();
    String stamp = stamp(files.config());
    if (more || !stamp.equals(configStamp)) {
      Config config =
          stamp.equals(configStamp) ? run.config() : ConfigFiles.load(files.config(), List.of());
      run = new Run(name, folder, config, metrics.lines());
      configStamp = stamp;
    }
    stamp = stamp(files.journal());
    if (!stamp.equals(journalStamp)) {
      List<Map<String, Object>> events = new ArrayList<>();
      new JsonLines(files.journal()).forEach(events::add);
      journal = events;
      journalStamp = stamp;
    }
    stamp = training + " " + changes() + " " + (training ? "" : files.checkpoints());
    if (!stamp.equals(modelStamp)) {
      modelStamp = stamp;
      askForModel();
    }
  }

  private static String stamp(Path file) throws IOException {
    return Files.exists(file) ? Files.getLastModifiedTime(file) + " " + Files.size(file) : "";
  }

  /** What may have changed the model. */
  private List<String> changes() {
    return run.lines().stream()
        .filter(line -> Now.CHANGES.contains(line.kind()))
        .map(line -> line.kind() + line.time())
        .toList();
  }

  private void askForModel() {
    List<MetricLine> costs = run.lines(MetricLine.MODEL);
    double length =
        costs.isEmpty() ? TOKENS : costs.get(costs.size() - 1).number("sequence_length");
    long tokens = Double.isFinite(length) ? (long) length : TOKENS;
    boolean live = training;
    asking.execute(() -> model = describe(live, tokens));
  }

  private Map<String, ?> describe(boolean live, long tokens) {
    try {
      return live
          ? ControlClient.ask(folder, Map.of("do", "model", "tokens", tokens))
          : ModelDescription.json(source.of(folder, tokens));
    } catch (IOException | RuntimeException | LinkageError e) { // a plugin may be gone
      return Map.of("reason", Objects.requireNonNullElse(e.getMessage(), e.toString()));
    }
  }

  /** Returns what changes the run while it trains. */
  ModelChanges channel() {
    return new ChannelChanges(folder);
  }

  /** Returns what a program needs to know of it. */
  Map<String, Object> json() {
    return Map.of("name", name, "training", training);
  }
}
