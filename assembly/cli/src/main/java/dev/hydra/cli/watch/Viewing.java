package dev.hydra.cli.watch;

import dev.hydra.cli.compare.Comparison;
import dev.hydra.cli.compare.Run;
import dev.hydra.cli.compare.Sections;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Follows runs as long as somebody looks, and makes a new {@link View} of whatever is new. */
final class Viewing implements AutoCloseable {
  private static final Duration SHORTEST_PAUSE = Duration.ofMillis(300);

  /** How many times as long as the last look took nothing is done, so that training has the CPU. */
  private static final int REST = 5;

  private static final Duration NOBODY = Duration.ofSeconds(30);

  private final List<WatchedRun> runs;
  private final Consumer<String> log;
  private final Thread thread = new Thread(this::follow, "hydra-watch");
  private final Object changed = new Object();
  private View view;
  private long lookedAt;
  private boolean closed;

  Viewing(List<WatchedRun> runs, Consumer<String> log) {
    this.runs = runs;
    this.log = log;
    view = new View(System.currentTimeMillis(), Map.of(), List.of()); // newer than before a restart
    lookedAt = System.nanoTime();
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Waits for a view that is not the one that is known.
   *
   * @return the newest one when the time is over
   */
  View after(long known, Duration limit) throws InterruptedException {
    long end = System.nanoTime() + limit.toNanos();
    synchronized (changed) {
      lookedAt = System.nanoTime();
      changed.notifyAll();
      while ((view.stamp() == known || view.parts().isEmpty()) && !closed) {
        long left = (end - System.nanoTime()) / 1_000_000;
        if (left <= 0) {
          break;
        }
        changed.wait(left);
      }
      return view;
    }
  }

  private void follow() {
    String problem = "";
    try {
      while (awaitSomebody()) {
        long begin = System.nanoTime();
        try {
          look();
          problem = "";
        } catch (IOException | RuntimeException e) { // such as a folder that is being moved
          if (!e.toString().equals(problem)) {
            problem = e.toString();
            log.accept(problem);
          }
        }
        Duration took = Duration.ofNanos(System.nanoTime() - begin);
        Duration rest = took.multipliedBy(REST);
        Thread.sleep(Math.max(SHORTEST_PAUSE.toMillis(), rest.toMillis()));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    }
  }

  /** Returns false when all is over. */
  private boolean awaitSomebody() throws InterruptedException {
    synchronized (changed) {
      while (!closed && System.nanoTime() - lookedAt > NOBODY.toNanos()) {
        changed.wait();
      }
      return !closed;
    }
  }

  private void look() throws IOException {
    for (WatchedRun run : runs) {
      run.update();
    }
    Map<String, String> parts = parts();
    List<Map<String, Object>> about = runs.stream().map(WatchedRun::json).toList();
    synchronized (changed) {
      view = view.next(parts, about);
      changed.notifyAll();
    }
  }

  private Map<String, String> parts() {
    List<Run> read = runs.stream().map(WatchedRun::run).toList();
    Comparison comparison = new Comparison(read);
    Map<String, String> parts = new LinkedHashMap<>();
    parts.put("now", new Sections(comparison).table(Now.table(runs)).html());
    parts.put("plots", new Sections(comparison).plots().html());
    parts.put("components", new Sections(comparison).components().html());
    StringBuilder models = new StringBuilder();
    Sections journals = new Sections(comparison);
    for (WatchedRun run : runs) {
      String of = runs.size() == 1 ? "" : " of " + run.name();
      models.append(ModelTable.html("Model" + of, run.model()));
      journals = journals.table(JournalTable.of("Journal" + of, run.journal()));
    }
    parts.put("model", models.toString());
    parts.put("journal", journals.html());
    Sections tables = new Sections(comparison);
    comparison.tables().forEach(tables::table);
    parts.put("tables", tables.html());
    return parts;
  }

  @Override
  public void close() {
    synchronized (changed) {
      closed = true;
      changed.notifyAll();
    }
    thread.interrupt();
  }
}
