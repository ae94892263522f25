package dev.hydra.cli.swapbench;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.cli.swap.ControlClient;
import dev.hydra.cli.swap.ControlSocket;
import dev.hydra.cli.swap.SwapOrder;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.trainer.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A training in a process of its own that is killed while its plugins are swapped. */
final class KilledRun {
  private static final long LIMIT_SECONDS = 120;
  private static final int STEPS_AFTER = 10;

  private final Path script;
  private final Path config;
  private final RunFolder run;
  private final Path log;

  /**
   * A run.
   *
   * @param script starts Hydra
   * @param folder an empty one, for all that it writes
   */
  KilledRun(Path script, Config config, Path folder) throws IOException {
    Config frequent =
        ConfigFactory.parseString(
                "trainer { checkpoint.every = 5, steps = 1000000 }\ndata.validation-fraction = 0")
            .withFallback(config);
    this.script = script;
    this.config = Files.writeString(folder.resolve("killed.conf"), ConfigFiles.render(frequent));
    this.run = new RunFolder(folder.resolve("run"));
    this.log = folder.resolve("log");
  }

  /**
   * Trains, swaps, kills, and goes on for some steps.
   *
   * @param jar the plugin that is swapped in
   * @param delayMillis how long after the request the process is killed
   * @return the step of the checkpoint that it went on from, and what a site has from then on
   * @throws IOException if it did not go on
   */
  String goesOn(Path jar, long delayMillis) throws IOException {
    Process training = start("train", config.toString(), "--run-dir", run.path().toString());
    try {
      untilItCheckpoints(training);
      Thread client = new Thread(() -> swap(jar), "hydra-bench-client");
      client.start();
      TimeUnit.MILLISECONDS.sleep(delayMillis);
      training.destroyForcibly().waitFor();
      client.join();
      long last = newest();
      Process resumed =
          start(
              "train",
              "--resume",
              "--run-dir",
              run.path().toString(),
              "--set",
              "trainer.steps=" + (last + STEPS_AFTER));
      if (!resumed.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
        resumed.destroyForcibly();
        throw new IOException("the resumed run does not end: " + Files.readString(log));
      }
      if (resumed.exitValue() != 0 || newest() != last + STEPS_AFTER) {
        throw new IOException("the run does not go on: " + Files.readString(log));
      }
      return "killed "
          + delayMillis
          + " ms after the request, went on after step "
          + last
          + " with "
          + run.latestIntact(damaged -> {}).orElseThrow().sites().values().iterator().next();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } finally {
      training.destroyForcibly();
    }
  }

  private Process start(String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(script.toString()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
        .start();
  }

  private void untilItCheckpoints(Process training) throws IOException, InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
    while (!Files.isDirectory(run.path())
        || run.checkpoints().isEmpty()
        || !new ControlSocket(run.path()).exists()) {
      if (!training.isAlive() || System.nanoTime() > end) {
        throw new IOException("the training does not begin: " + Files.readString(log));
      }
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  /** The step of the newest intact checkpoint. */
  private long newest() throws IOException {
    return Long.parseLong(
        run.latestIntact(damaged -> {})
            .orElseThrow(() -> new IOException("there is no intact checkpoint in " + run.path()))
            .folder()
            .getFileName()
            .toString()
            .replaceFirst(".*-", ""));
  }

  private void swap(Path jar) {
    try {
      ControlClient.ask(run.path(), SwapOrder.of(jar).json());
    } catch (IOException killed) {
      // no answer is what this is about
    }
  }
}
