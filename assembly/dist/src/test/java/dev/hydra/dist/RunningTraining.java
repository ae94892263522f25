package dev.hydra.dist;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** A training in a process of its own, with the example plugin, and what other processes ask it. */
final class RunningTraining implements AutoCloseable {
  private static final String CONFIG =
      """
      model {
        width = 32, depth = 2
        block {
          topology = parallel
          paths = [
            { mixer { type = ema, horizon = 8 } }
            { ffn { type = swiglu, hidden = 32 }, gate = 0.5 }
          ]
        }
      }
      data { files = [corpus.txt], sequence-length = 64, validation-fraction = 0.1 }
      trainer {
        steps = 1000000, batch-size = 2, evaluation.every = 0, checkpoint.every = 20
        swap.guard-factor = 1e9
      }
      """;

  private static final long LIMIT_SECONDS = 120;

  private final Path folder;
  private final Path run;
  private final Hydra hydra;
  private final Process process;

  private RunningTraining(Path folder, Path run, String... arguments) throws Exception {
    this.folder = folder;
    this.run = run;
    hydra = hydra(folder, "train");
    process = hydra.start(arguments);
    until("it listens", () -> Files.exists(run.resolve(".control/socket")));
  }

  /** A start script whose output lies in a folder of its own, and which knows the plugin. */
  private static Hydra hydra(Path folder, String name) throws IOException {
    Path plugins = folder.resolve("installed");
    return Hydra.withPlugins(plugins, Files.createDirectories(folder.resolve(name))).in(folder);
  }

  /** Starts a new run in {@code folder/name}. */
  static RunningTraining start(Path folder, String name, String... more) throws Exception {
    Files.createDirectories(folder.resolve("installed"));
    Files.copy(EmaVersion.built(), folder.resolve("installed/ema.jar"));
    Files.writeString(folder.resolve("tiny.conf"), CONFIG);
    Files.writeString(folder.resolve("corpus.txt"), "one two three four five\n".repeat(400));
    List<String> arguments = new ArrayList<>(List.of("train", "tiny.conf", "--run-dir", name));
    arguments.addAll(List.of(more));
    return new RunningTraining(folder, folder.resolve(name), arguments.toArray(String[]::new));
  }

  /** Goes on with the run of a process that has ended. */
  RunningTraining resume() throws Exception {
    Files.deleteIfExists(run.resolve(".control/socket"));
    return new RunningTraining(folder, run, "train", "--resume", "--run-dir", run.toString());
  }

  /** Runs another command. */
  Hydra.Result ask(String... arguments) throws Exception {
    return hydra(folder, "ask").run(arguments);
  }

  /** A start script for another command, whose output lies in a folder of that name. */
  Hydra command(String name) throws IOException {
    return hydra(folder, name);
  }

  /** Runs {@code hydra plugins} for this run. */
  Hydra.Result plugins(String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of("plugins"));
    all.addAll(List.of(arguments));
    all.addAll(List.of("--run", run.toString()));
    return ask(all.toArray(String[]::new));
  }

  /** The same in a process that is not waited for. */
  Process startPlugins(String... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of("plugins"));
    all.addAll(List.of(arguments));
    all.addAll(List.of("--run", run.toString()));
    return hydra(folder, "started").start(all.toArray(String[]::new));
  }

  /** What stands at each mixer's site. */
  List<String> mixers() throws Exception {
    return plugins("list").out().stream()
        .filter(line -> line.contains(".mixer"))
        .map(line -> line.replaceFirst("\\s+", " "))
        .toList();
  }

  Path run() {
    return run;
  }

  Process process() {
    return process;
  }

  List<String> screen() throws IOException {
    return hydra.err();
  }

  /** The lines of the journal about an event. */
  List<Map<String, Object>> journal(String event) throws IOException {
    List<Map<String, Object>> lines = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("journal.jsonl"))) {
      Map<String, Object> object = JSON.std.mapFrom(line);
      if (event.equals(object.get("event"))) {
        lines.add(object);
      }
    }
    return lines;
  }

  /** How many steps are in the metrics. */
  long step() throws IOException {
    return Metrics.of(run, "step").size();
  }

  /** Waits until training has gone on for some steps. */
  void advance(int steps) throws Exception {
    long now = step();
    until("it goes on after step " + now, () -> step() >= now + steps);
  }

  /** Waits for something. */
  void until(String what, Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
    while (!condition.call()) {
      if (System.nanoTime() > end || !process.isAlive()) {
        throw new AssertionError("not so: " + what + "; it said " + screen());
      }
      Thread.sleep(20);
    }
  }

  /** Ends the process as Ctrl-C does. */
  int stop() throws Exception {
    process.destroy();
    if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("it does not end: " + screen());
    }
    return process.exitValue();
  }

  /** Ends the process at once. */
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  @Override
  public void close() throws InterruptedException {
    kill();
  }
}
