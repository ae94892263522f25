package dev.hydra.cli.watch;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.page.LivePage;
import dev.hydra.serve.HttpListener;
import dev.hydra.serve.ModelChanges;
import dev.hydra.serve.ReadTimeout;
import dev.hydra.serve.SendTimeout;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Serves the page about runs, on the HTTP server of the JDK. The page asks for what is new and is
 * answered when there is something (long polling).
 */
public final class WatchServer implements AutoCloseable {
  private static final Duration LONGEST_POLL = Duration.ofSeconds(15);
  private static final Duration SLOWEST_REQUEST = Duration.ofSeconds(30);
  private static final int THREADS = 64;
  private static final Pattern CHANGE = Pattern.compile("/api/runs/(\\d{1,4})/(swap|rollback)");

  private final WatchSettings settings;
  private final Access access;
  private final List<WatchedRun> runs = new ArrayList<>();
  private final String title;
  private final Consumer<String> log;
  private final Viewing viewing;
  private final ExecutorService threads = Executors.newFixedThreadPool(THREADS, daemons("http"));
  private final ExecutorService asking = Executors.newCachedThreadPool(daemons("ask"));
  private final HttpServer server;
  private final ReadTimeout unsent;
  private final SendTimeout unread;

  /**
   * Starts to serve.
   *
   * @param named run folders by their names
   * @param models describes models of runs that do not train now
   * @param log is told of what goes wrong that is nobody's mistake
   * @throws IOException if the address cannot be had, such as that the port is in use
   * @throws UsageException if the address wants a key and there is none
   */
  public WatchServer(
      WatchSettings settings, Map<String, Path> named, ModelSource models, Consumer<String> log)
      throws IOException {
    this.settings = settings;
    this.log = log;
    access = new Access(settings);
    server = HttpListener.bind(settings.host(), settings.port(), 0, SLOWEST_REQUEST);
    unsent = new ReadTimeout(SLOWEST_REQUEST);
    unread = new SendTimeout(SendTimeout.USUAL);
    named.forEach((name, folder) -> runs.add(new WatchedRun(name, folder, models, asking)));
    title = String.join(", ", named.keySet());
    viewing = new Viewing(runs, log);
    server.setExecutor(threads);
    HttpListener.answer(server, unsent, this::handle);
  }

  private static ThreadFactory daemons(String name) {
    return task -> {
      Thread thread = new Thread(task, "hydra-watch-" + name);
      thread.setDaemon(true);
      return thread;
    };
  }

  /** Returns where it listens, such as {@code http://127.0.0.1:8000}. */
  public String address() {
    return HttpListener.address(settings.host(), server);
  }

  /** Returns where the owner looks, who may change runs: the key is not sent to anybody. */
  public String ownersAddress() {
    return address() + "/#key=" + access.key();
  }

  private void handle(HttpExchange exchange) throws IOException {
    Request request = new Request(exchange, unsent, unread);
    try {
      answer(request);
    } catch (HttpProblem e) {
      request.answer(e.status(), Map.of("error", String.valueOf(e.getMessage())));
    } catch (ReadTimeout.TooSlowException e) {
      // It was told; the connection ends.
    } catch (RuntimeException e) {
      log.accept(request.method() + " " + request.path() + " failed: " + e);
      request.answer(500, Map.of("error", "the server failed: " + e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    }
  }

  private void answer(Request request) throws IOException, InterruptedException {
    String path = request.path();
    Matcher change = CHANGE.matcher(path);
    if (path.equals("/")) { // tells nothing of the runs
      only("GET", request);
      request.answer(LivePage.read(WatchServer.class, "watch"));
    } else if (path.equals("/api/view")) {
      only("GET", request);
      access.look(request);
      View view = viewing.after(request.number("since"), LONGEST_POLL);
      Map<String, Object> answer = new LinkedHashMap<>(view.since(request.number("since")));
      answer.put("title", title);
      request.answer(200, answer);
    } else if (change.matches()) {
      only("POST", request);
      access.change(request);
      ModelChanges changes = run(change.group(1)).channel();
      request.answer(
          200, change.group(2).equals("swap") ? swap(changes, request) : rollback(changes));
    } else {
      throw new HttpProblem(404, "there is nothing at " + path);
    }
  }

  private static Map<String, Object> swap(ModelChanges changes, Request request) {
    Map<String, Object> form = request.body();
    try {
      return changes.swap(form);
    } catch (IllegalArgumentException e) {
      throw new HttpProblem(400, String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw new HttpProblem(409, String.valueOf(e.getMessage()));
    }
  }

  private static Map<String, Object> rollback(ModelChanges changes) {
    try {
      return changes.rollback();
    } catch (IOException e) {
      throw new HttpProblem(409, String.valueOf(e.getMessage()));
    }
  }

  private static void only(String method, Request request) {
    if (!request.method().equals(method)) {
      request.set("Allow", method);
      throw new HttpProblem(405, request.path() + " answers " + method + " only");
    }
  }

  private WatchedRun run(String number) {
    int index = Integer.parseInt(number);
    if (index >= runs.size()) {
      throw new HttpProblem(404, "there is no run " + index + ", only " + runs.size());
    }
    return runs.get(index);
  }

  @Override
  public void close() {
    viewing.close();
    server.stop(0);
    unsent.close();
    unread.close();
    threads.shutdownNow();
    asking.shutdownNow();
  }
}
