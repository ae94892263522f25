package dev.hydra.cli.experiment;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.experiments.Work;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * Processes that share the trainings of an experiment: a small model keeps neither a GPU nor the
 * cores busy. Each is the same command as this process, with {@value #OPTION} in the place of what
 * concerns all of them together, and ends with a line of JSON that says what it has done.
 */
public final class Workers implements AutoCloseable {
  /** Makes a command one of several that share the work. */
  public static final String OPTION = "--worker";

  private static final String PARALLEL = "--parallel";
  private static final String PAGE = "--html";
  private static final String JSON_OUTPUT = "--json";
  private static final String THREADS = "OMP_NUM_THREADS";

  /** The property in which bin/hydra passes on --threads. */
  private static final String CHOSEN_THREADS = "hydra.threads";

  private static final long POLL_MILLIS = 100;

  private final List<Process> processes = new ArrayList<>();

  /**
   * Starts them; their messages go where this process writes its own.
   *
   * @param script starts Hydra
   * @param arguments those of this process
   * @param count how many
   */
  public Workers(Path script, List<String> arguments, int count) throws IOException {
    List<String> command = new ArrayList<>(List.of(script.toString()));
    command.addAll(shared(arguments));
    command.add(OPTION);
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put(THREADS, String.valueOf(threads(count)));
    try {
      for (int i = 0; i < count; i++) {
        processes.add(builder.start());
      }
    } catch (IOException e) {
      close();
      throw e;
    }
  }

  /**
   * Returns how many threads each of so many workers computes with on a CPU: what --threads says,
   * or its share of the processors.
   */
  public static int threads(int count) {
    int share = Math.max(1, Runtime.getRuntime().availableProcessors() / count);
    return Integer.getInteger(CHOSEN_THREADS, share);
  }

  /** Returns the arguments without those that concern all workers together. */
  static List<String> shared(List<String> arguments) {
    List<String> kept = new ArrayList<>();
    for (Iterator<String> each = arguments.iterator(); each.hasNext(); ) {
      String argument = each.next();
      if (argument.equals(PARALLEL) || argument.equals(PAGE)) {
        each.next();
      } else if (!argument.startsWith(PARALLEL + "=")
          && !argument.startsWith(PAGE + "=")
          && !argument.equals(JSON_OUTPUT)) {
        kept.add(argument);
      }
    }
    return kept;
  }

  /**
   * Waits for all.
   *
   * @param stop asked while they work; then they end after the step that they are in
   * @return what they have done
   * @throws IOException if one fails
   */
  public Work await(BooleanSupplier stop) throws IOException {
    Work work = Work.NONE;
    boolean told = false;
    for (Process process : processes) {
      while (!ended(process)) {
        if (stop.getAsBoolean() && !told) {
          told = true; // a second signal would end them at once
          processes.forEach(each -> each.toHandle().destroy()); // as Ctrl-C
        }
      }
      if (process.exitValue() != 0 && !stop.getAsBoolean()) {
        throw new IOException(
            "one of the processes that trained ended with exit code "
                + process.exitValue()
                + "; its message is above, and results that are complete are kept");
      }
      try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
        String line = out.readLine();
        work = work.plus(line == null ? Work.NONE : read(line));
      }
    }
    return work;
  }

  private static boolean ended(Process process) throws IOException {
    try {
      return process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while others were training", e);
    }
  }

  /** Returns the line with which a worker ends. */
  public static String line(Work work) throws IOException {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("trainings", work.trainings());
    json.put("tokens", work.tokens());
    return JSON.std.asString(json);
  }

  private static Work read(String line) throws IOException {
    Map<String, Object> json = JSON.std.mapFrom(line);
    return new Work(
        ((Number) json.getOrDefault("trainings", 0)).intValue(),
        ((Number) json.getOrDefault("tokens", 0L)).longValue());
  }

  /** Ends those that still work. */
  @Override
  public void close() {
    processes.forEach(Process::destroy);
  }
}
