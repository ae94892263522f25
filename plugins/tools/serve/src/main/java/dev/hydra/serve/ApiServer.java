package dev.hydra.serve;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.hydra.inference.EngineBusyException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A server in the protocol of OpenAI, on the HTTP server of the JDK. Every request has a thread
 * while it is answered; the models run on theirs.
 */
public final class ApiServer implements AutoCloseable {
  private static final int RETRY_SECONDS = 1;
  private static final int CLIENT_GONE = 499;

  /** What tells nothing of the models. */
  private static final Set<String> OPEN = Set.of("/", "/health");

  /** More threads than an engine takes requests, so that those too many are told so. */
  private static final int THREADS = 1024;

  private static final int BACKLOG = 1024;
  private static final long IDLE_SECONDS = 30;

  /** Time to tell clients that their answers were ended. */
  private static final long LAST_WORDS_SECONDS = 2;

  private final ServerSettings settings;
  private final Models models;
  private final Metrics metrics = new Metrics();
  private final Endpoints endpoints;
  private final Access access;
  private final Consumer<String> log;
  private final HttpServer server;
  private final ReadTimeout unsent;
  private final SendTimeout unread;
  private final ExecutorService threads;
  private volatile boolean stopping;

  /**
   * Starts a server.
   *
   * @param models stay the caller's, to be closed after the server
   * @param page makes what is shown at {@code /} in a browser, which is given to whoever asks
   * @param log is told of what went wrong that is nobody's mistake
   * @throws IOException if the address cannot be had, such as that the port is in use
   * @throws IllegalArgumentException if the address wants a key and there is none, or models have
   *     the same name
   */
  public ApiServer(
      ServerSettings settings,
      List<ServedModel> models,
      Supplier<WebPage> page,
      Consumer<String> log)
      throws IOException {
    this.settings = settings;
    this.models = new Models(models);
    this.access = new Access(settings);
    this.endpoints = new Endpoints(this.models, metrics, access, page);
    this.log = log;
    server = HttpListener.bind(settings.host(), settings.port(), BACKLOG, settings.slowest());
    unsent = new ReadTimeout(settings.slowest());
    unread = new SendTimeout(settings.unread());
    AtomicInteger number = new AtomicInteger();
    threads =
        new ThreadPoolExecutor(
            0,
            THREADS,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            task -> {
              Thread thread = new Thread(task, "hydra-http-" + number.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
    server.setExecutor(threads);
    HttpListener.answer(server, unsent, this::handle);
  }

  /** Returns where it listens, such as {@code http://127.0.0.1:8000}. */
  public String address() {
    return HttpListener.address(settings.host(), server);
  }

  private void handle(HttpExchange exchange) {
    long begin = System.nanoTime();
    Call call = new Call(exchange, settings, unsent, unread, log);
    metrics.begun();
    int status = CLIENT_GONE;
    try {
      answer(call);
      status = call.status();
    } catch (IOException e) {
      call.abort(); // the client has gone; what it asked for was ended on the way here
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      call.abort();
    } finally {
      metrics.answered(endpoints.counted(call.path()), status, System.nanoTime() - begin);
    }
  }

  private void answer(Call call) throws IOException, InterruptedException {
    try {
      if (!OPEN.contains(call.path())) {
        access.check(call);
      }
      if (stopping) {
        throw ApiException.server(503, "the server is stopping");
      }
      endpoints.find(call).answer(call);
    } catch (ApiException e) {
      call.note(e);
      refuse(call, e);
    } catch (ReadTimeout.TooSlowException e) {
      call.abort();
    } catch (EngineBusyException e) {
      call.set("Retry-After", String.valueOf(RETRY_SECONDS));
      refuse(
          call,
          new ApiException(
              429, "rate_limit_error", String.valueOf(e.getMessage()), null, "engine_busy"));
    } catch (RuntimeException | StackOverflowError e) {
      call.failed(e);
      refuse(call, ApiException.server(500, "the server failed: " + e.getMessage()));
    }
  }

  private static void refuse(Call call, ApiException problem) throws IOException {
    if (call.answered()) {
      call.abort();
    } else {
      call.answer(problem.status(), problem.error());
    }
  }

  /**
   * Stops: new requests are refused, answers that are being made go on for the grace that the
   * settings give, and the rest is ended.
   */
  @Override
  public void close() {
    stopping = true;
    long end = System.nanoTime() + settings.grace().toNanos();
    try {
      for (ServedModel model : models.all()) {
        model.engine().drain(Duration.ofNanos(Math.max(0, end - System.nanoTime())));
      }
      models.all().forEach(model -> model.engine().close());
      threads.shutdown();
      threads.awaitTermination(LAST_WORDS_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      server.stop(0);
      unsent.close();
      unread.close();
    }
  }
}
