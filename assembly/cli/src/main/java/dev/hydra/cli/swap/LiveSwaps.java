package dev.hydra.cli.swap;

import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.cli.common.Json;
import dev.hydra.cli.common.ModelDescription;
import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.cli.plugins.RunPlugins;
import dev.hydra.composer.swap.SwapRefusedException;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapVerdict;
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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Swaps plugins of a running model: brings the new version in, lets the model's owner exchange the
 * components, and takes away what no component uses any more. All of it happens in the turns that
 * the {@link Swapper} gives: so the state here belongs to one thread at a time.
 */
final class LiveSwaps {
  /** How long a plugin may take to start or to stop: its code runs, and may hang. */
  private static final long LIMIT_SECONDS = 10;

  /** The sequence length that FLOPs are counted at unless a request says another. */
  private static final long SEQUENCE = 1024;

  private final Swapper swapper;
  private final PluginJars plugins;
  private final RunPlugins store;
  private final Terminal screen;
  private final RunJournal journal;
  private final Map<String, PluginId> hashes;

  /** Plugins that components of this run came from, or may come from. */
  private final Set<PluginId> seen = new HashSet<>();

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

  /**
   * Answers a request of a client.
   *
   * @param early hears what can be said before the answer
   */
  Map<String, ?> answer(Map<String, Object> request, Consumer<Map<String, ?>> early) {
    String what = String.valueOf(request.get("do"));
    return switch (what) {
      case "swap" -> swap(request, early);
      case "rollback" -> inTurn(() -> SwapText.json(swapper.rollback()));
      case "list" -> Map.of("status", "listed", "sites", SwapText.json(swapper.list()));
      case "model" -> inTurn(() -> model(request));
      default -> SwapText.refused("there is no request " + what);
    };
  }

  /** Describes the model; FLOPs are counted at {@code tokens} of the request. */
  private Map<String, ?> model(Map<String, Object> request) {
    long tokens = (long) Json.number(request, "tokens", SEQUENCE);
    return tokens < 1
        ? SwapText.refused("tokens must be at least 1")
        : ModelDescription.json(swapper.composition(tokens));
  }

  private Map<String, ?> swap(Map<String, Object> request, Consumer<Map<String, ?>> early) {
    SwapOrder order;
    try {
      order = SwapOrder.read(request);
    } catch (IllegalArgumentException e) {
      return SwapText.refused("the request cannot be read: " + e.getMessage());
    }
    return order.awaitVerdict() ? watched(order, early) : swap(order, "command");
  }

  /** Swaps, tells of it, and waits until the swap is confirmed or rolled back. */
  private Map<String, ?> watched(SwapOrder order, Consumer<Map<String, ?>> early) {
    CompletableFuture<CompletableFuture<SwapVerdict>> verdict = new CompletableFuture<>();
    Map<String, ?> answer =
        inTurn(
            () -> {
              Map<String, ?> performed = perform(order, "command");
              verdict.complete(swapper.verdict()); // in the same turn, it is that of this swap
              return performed;
            });
    if (!"switched".equals(answer.get("status"))) {
      return answer;
    }
    Map<String, Object> first = new LinkedHashMap<>(answer);
    first.put(ControlServer.MORE, true);
    early.accept(first);
    return SwapText.json(verdict.thenCompose(it -> it).join()); // complete when the run ends
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
    PluginId plugin = hashes.getOrDefault(jar.sha256(), jar.plugin());
    boolean known = hashes.containsKey(jar.sha256());
    try {
      List<Registration> offered = known ? plugins.of(plugin) : add(order, jar);
      List<Registration> types = PluginJars.components(offered);
      if (types.isEmpty()) {
        throw new IOException(
            plugin
                + " offers no component, only "
                + offered.stream().map(each -> each.category() + " " + each.type()).toList()
                + ": a run keeps those with which it began");
      }
      if (known && order.config().isEmpty() && everywhere(types, plugin)) {
        throw new IOException(
            plugin
                + " is running already: SHA-256 "
                + jar.sha256()
                + " is that of "
                + order.jar().get());
      }
      hashes.put(jar.sha256(), plugin);
      seen.add(plugin);
      Map<String, Object> details = new LinkedHashMap<>();
      details.put("plugin", plugin.toString());
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
        remove(plugin);
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
  private boolean everywhere(List<Registration> types, PluginId plugin) {
    Set<String> names = new HashSet<>();
    types.forEach(each -> names.add(each.type()));
    return swapper.list().values().stream()
        .filter(version -> names.contains(version.type()))
        .allMatch(version -> version.plugin().equals(plugin));
  }

  /** Takes away versions that have been replaced for good. */
  private void tidy() {
    Set<PluginId> needed = swapper.plugins();
    for (PluginId plugin : new ArrayList<>(seen)) {
      if (!needed.contains(plugin) && replaced(plugin, needed)) {
        try {
          remove(plugin);
          journal.add("plugin-removed", swapper.step(), Map.of("plugin", plugin.toString()));
        } catch (IOException e) {
          screen.warned(String.valueOf(e.getMessage()));
        }
      }
    }
  }

  /** Whether another version of the plugin is in use, or it came for this run only. */
  private boolean replaced(PluginId plugin, Set<PluginId> needed) {
    return plugin.addedLater()
        || (needed.stream().anyMatch(plugin::samePlugin) && !begunWith(plugin));
  }

  /**
   * Whether the run may have begun with more of a plugin than components, such as its optimizer.
   */
  private boolean begunWith(PluginId plugin) {
    List<Registration> offered = plugins.of(plugin);
    return PluginJars.components(offered).size() < offered.size();
  }

  private void remove(PluginId plugin) throws IOException {
    seen.remove(plugin);
    hashes.values().removeIf(plugin::equals);
    Callable<PluginId> removal =
        () -> {
          plugins.remove(plugin);
          return plugin;
        };
    limited(removal, "plugin " + plugin + " has not stopped");
  }
}
