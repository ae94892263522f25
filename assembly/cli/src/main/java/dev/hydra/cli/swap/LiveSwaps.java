package dev.hydra.cli.swap;

import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.plugins.RunPlugins;
import dev.hydra.composer.model.Components.Registration;
import dev.hydra.composer.swap.SwapRefusedException;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.Swapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * Swaps plugins of a running model: brings the new version in, lets the model's owner exchange the
 * components, and takes away what no component uses any more. All of it happens in the turns that
 * the {@link Swapper} gives: so the state here belongs to one thread at a time.
 */
final class LiveSwaps {
  /** How long a plugin may take to start or to stop: its code runs, and may hang. */
  private static final long LIMIT_SECONDS = 10;

  private final Swapper swapper;
  private final PluginJars plugins;
  private final RunPlugins store;
  private final Terminal screen;
  private final RunJournal journal;
  private final Map<String, String> hashes;

  /** Plugins that components of this run came from, or may come from; by name and version. */
  private final Set<String> seen = new HashSet<>();

  /** For a run that is about to begin. */
  LiveSwaps(
      Swapper swapper, PluginJars plugins, RunPlugins store, Terminal screen, RunJournal journal)
      throws IOException {
    this.swapper = swapper;
    this.plugins = plugins;
    this.store = store;
    this.screen = screen;
    this.journal = journal;
    this.hashes = plugins.hashes();
    seen.addAll(swapper.plugins());
    swapper.whenReleased(this::tidy);
  }

  /** Answers a request of a client. */
  Map<String, ?> answer(Map<String, Object> request) {
    String what = String.valueOf(request.get("do"));
    return switch (what) {
      case "swap" -> swap(request);
      case "rollback" -> inTurn(() -> SwapText.json(swapper.rollBack()));
      case "list" -> Map.of("status", "listed", "sites", SwapText.json(swapper.list()));
      default -> SwapText.refused("there is no request " + what);
    };
  }

  private Map<String, ?> swap(Map<String, Object> request) {
    SwapOrder order;
    try {
      order = SwapOrder.read(request);
    } catch (IllegalArgumentException e) {
      return SwapText.refused("the request cannot be read: " + e.getMessage());
    }
    return swap(order, "command");
  }

  /**
   * Swaps.
   *
   * @param source what asks for it, for the journal
   * @return what became of it, as {@link SwapText#json} says it
   */
  Map<String, ?> swap(SwapOrder order, String source) {
    return inTurn(() -> perform(order, source));
  }

  private Map<String, ?> inTurn(Supplier<Map<String, ?>> request) {
    try {
      return swapper.inTurn(request);
    } catch (SwapRefusedException e) {
      return SwapText.refused(String.valueOf(e.getMessage()));
    }
  }

  private Map<String, ?> perform(SwapOrder order, String source) {
    try {
      return order.jar().isPresent()
          ? withJar(order, store.take(order.jar().get()), source)
          : SwapText.json(swapper.swap(order.request(List.of())));
    } catch (IOException | RuntimeException e) { // whoever asked waits for an answer
      String reason = String.valueOf(e.getMessage());
      screen.say("swap refused: " + reason);
      journal.add(
          "swap-refused",
          swapper.step(),
          Map.of(
              "reason",
              reason,
              "jar",
              order.jar().map(Object::toString).orElse(""),
              "source",
              source));
      return SwapText.refused(reason);
    }
  }

  private Map<String, ?> withJar(SwapOrder order, RunPlugins.Jar jar, String source)
      throws IOException {
    boolean needed = false;
    String label = hashes.getOrDefault(jar.sha256(), jar.label());
    boolean known = hashes.containsKey(jar.sha256());
    try {
      List<Registration> types = known ? plugins.of(label) : add(order, jar);
      if (known && order.config().isEmpty() && everywhere(types, label)) {
        throw new IOException(
            label
                + " is running already: SHA-256 "
                + jar.sha256()
                + " is that of "
                + order.jar().get());
      }
      hashes.put(jar.sha256(), label);
      seen.add(label);
      Map<String, Object> details = new LinkedHashMap<>();
      details.put("plugin", label);
      details.put("sha256", jar.sha256());
      details.put("jar", order.jar().get().toString());
      details.put("source", source);
      journal.add("plugin", swapper.step(), details);
      SwapReport report = swapper.swap(order.request(types));
      needed = report.switched();
      Map<String, Object> answer = SwapText.json(report);
      answer.put("sha256", jar.sha256());
      return answer;
    } finally {
      if (!needed) {
        jar.forget();
      }
      if (!needed && !known) {
        remove(label);
      }
    }
  }

  private List<Registration> add(SwapOrder order, RunPlugins.Jar jar) throws IOException {
    String named = order.jar().get().toString();
    try {
      return limited(() -> plugins.add(jar.file()), named + " has not started");
    } catch (IOException e) {
      throw new IOException(
          String.valueOf(e.getMessage()).replace(jar.file().toString(), named), e);
    }
  }

  /** Runs what plugins may hang in on a thread that is left behind then. */
  private static <T> T limited(Callable<T> action, String problem) throws IOException {
    FutureTask<T> task = new FutureTask<>(action);
    Thread thread = new Thread(task, "hydra-plugin");
    thread.setDaemon(true);
    thread.start();
    try {
      return task.get(LIMIT_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new IOException(
          problem + " after " + LIMIT_SECONDS + " s; its thread is left behind", e);
    } catch (InterruptedException e) {
      throw new IOException("the request was interrupted", e);
    } catch (ExecutionException e) {
      Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
      throw new IOException(String.valueOf(cause.getMessage()), e);
    }
  }

  /** Whether all sites of these types have this version of the plugin. */
  private boolean everywhere(List<Registration> types, String label) {
    Set<String> names = new HashSet<>();
    types.forEach(each -> names.add(each.type()));
    return swapper.list().values().stream()
        .filter(version -> names.contains(version.type()))
        .allMatch(version -> version.label().equals(label));
  }

  /** Takes away versions that have been replaced for good. */
  private void tidy() {
    Set<String> needed = swapper.plugins();
    for (String label : new ArrayList<>(seen)) {
      if (!needed.contains(label) && replaced(label, needed)) {
        try {
          remove(label);
          journal.add("plugin-removed", swapper.step(), Map.of("plugin", label));
        } catch (IOException e) {
          screen.warned(String.valueOf(e.getMessage()));
        }
      }
    }
  }

  /** Whether another version of the plugin is in use, or it came for this run only. */
  private static boolean replaced(String label, Set<String> needed) {
    String plugin = label.substring(0, label.indexOf(' ') + 1);
    return label.contains("+") || needed.stream().anyMatch(each -> each.startsWith(plugin));
  }

  private void remove(String label) throws IOException {
    seen.remove(label);
    hashes.values().removeIf(label::equals);
    Callable<String> removal =
        () -> {
          plugins.remove(label);
          return label;
        };
    limited(removal, "plugin " + label + " has not stopped");
  }
}
