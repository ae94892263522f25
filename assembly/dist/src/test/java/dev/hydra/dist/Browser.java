package dev.hydra.dist;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** Chromium without a window, driven over its DevTools protocol. */
final class Browser implements AutoCloseable {
  private static final long LIMIT_SECONDS = 60;
  private static final int CLICKS = 10;

  private final Process process;
  private final WebSocket socket;
  private final AtomicInteger number = new AtomicInteger();
  private final Map<Integer, CompletableFuture<Map<String, Object>>> waiting =
      new ConcurrentHashMap<>();

  /** What pages wrote to their consoles as errors. */
  private final List<String> errors = new ArrayList<>();

  private Browser(Process process, URI page) {
    this.process = process;
    socket = HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(page, new Ear()).join();
  }

  /** Says whether there is one. */
  static boolean installed() {
    return program().isPresent();
  }

  private static Optional<Path> program() {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return Stream.of("chromium", "chromium-browser", "google-chrome")
        .flatMap(name -> Stream.of(path.split(File.pathSeparator)).map(in -> Path.of(in, name)))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** Opens a page; the profile lies in a folder. */
  static Browser open(Path folder, String address) throws Exception {
    Path profile = Files.createTempDirectory(folder, "browser-");
    List<String> command =
        List.of(
            program().orElseThrow().toString(),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--remote-debugging-port=0",
            "--user-data-dir=" + profile,
            address);
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(profile.resolve("log.txt").toFile());
    builder.environment().put("TMPDIR", profile.toString()); // what it leaves goes with the folder
    Process process = builder.start();
    try {
      return new Browser(process, page(profile, process));
    } catch (Exception e) {
      process.destroyForcibly();
      throw e;
    }
  }

  /** Finds where the page listens, when it has begun. */
  private static URI page(Path profile, Process process) throws Exception {
    Path file = profile.resolve("DevToolsActivePort");
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
    while (process.isAlive() && System.nanoTime() < end) {
      if (Files.exists(file) && Files.readAllLines(file).size() == 2) {
        URI list = URI.create("http://127.0.0.1:" + Files.readAllLines(file).get(0) + "/json/list");
        for (Object each : JSON.std.listFrom(list.toURL())) {
          if (each instanceof Map<?, ?> page && "page".equals(page.get("type"))) {
            return URI.create(String.valueOf(page.get("webSocketDebuggerUrl")));
          }
        }
      }
      Thread.sleep(50);
    }
    throw new AssertionError(Files.readString(profile.resolve("log.txt")));
  }

  /** Hears answers and what happens. */
  private final class Ear implements WebSocket.Listener {
    private final StringBuilder message = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
      message.append(data);
      if (last) {
        String whole = message.toString();
        message.setLength(0);
        heard(whole);
      }
      from.request(1);
      return CompletableFuture.completedFuture(null);
    }
  }

  private void heard(String text) {
    Map<String, Object> message;
    try {
      message = JSON.std.mapFrom(text);
    } catch (IOException e) {
      throw new AssertionError(text, e);
    }
    if (message.get("id") instanceof Integer id) {
      waiting.remove(id).complete(message);
    } else if ("Runtime.exceptionThrown".equals(message.get("method"))
        || ("Log.entryAdded".equals(message.get("method")) && text.contains("\"error\""))) {
      synchronized (errors) {
        errors.add(text);
      }
    }
  }

  /** Sends a command of the protocol; returns its result. */
  Map<?, ?> send(String method, Map<String, Object> parameters) throws Exception {
    int id = number.incrementAndGet();
    CompletableFuture<Map<String, Object>> answer = new CompletableFuture<>();
    waiting.put(id, answer);
    String text = JSON.std.asString(Map.of("id", id, "method", method, "params", parameters));
    socket.sendText(text, true).join();
    Map<String, Object> message = answer.get(LIMIT_SECONDS, TimeUnit.SECONDS);
    if (!(message.get("result") instanceof Map<?, ?> result)) {
      throw new AssertionError(method + ": " + message);
    }
    return result;
  }

  /** Notes errors of the page from now on. */
  Browser listening() throws Exception {
    send("Runtime.enable", Map.of());
    send("Log.enable", Map.of());
    return this;
  }

  /** What went wrong on the page since {@link #listening}. */
  List<String> errors() {
    synchronized (errors) {
      return List.copyOf(errors);
    }
  }

  /** Evaluates an expression of JavaScript. */
  String evaluate(String expression) throws Exception {
    Map<?, ?> result =
        send(
            "Runtime.evaluate",
            Map.of("expression", expression, "returnByValue", true, "awaitPromise", true));
    if (result.get("exceptionDetails") != null) {
      throw new AssertionError(expression + ": " + result);
    }
    return String.valueOf(((Map<?, ?>) result.get("result")).get("value"));
  }

  /** Waits until an expression is true. */
  void until(String expression) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
    while (!"true".equals(evaluate(expression))) {
      if (System.nanoTime() > end) {
        throw new AssertionError(
            "not so: " + expression + "; the page: " + evaluate("document.body.innerText"));
      }
      Thread.sleep(50);
    }
  }

  /**
   * Clicks where an element is, as a mouse does, until it is the element that was hit: on a page
   * that is drawn anew all the time it may have moved meanwhile.
   */
  void click(String selector) throws Exception {
    evaluate(
        "window.hit = false; document.addEventListener('click', event => {"
            + " window.hit = window.hit || event.target.closest('"
            + selector
            + "') !== null; }, true)");
    for (int tries = 0; tries < CLICKS && evaluate("String(window.hit)").equals("false"); tries++) {
      clickWhere(selector);
    }
  }

  private void clickWhere(String selector) throws Exception {
    String at =
        evaluate(
            "(e => { e.scrollIntoView({block: 'center', behavior: 'instant'});"
                + " const r = e.getBoundingClientRect();"
                + " return (r.x + r.width / 2) + ' ' + (r.y + r.height / 2); })"
                + "(document.querySelector('"
                + selector
                + "'))");
    String[] numbers = at.split(" ", 2);
    for (String type : List.of("mousePressed", "mouseReleased")) {
      send(
          "Input.dispatchMouseEvent",
          Map.of(
              "type",
              type,
              "x",
              Double.parseDouble(numbers[0]),
              "y",
              Double.parseDouble(numbers[1]),
              "button",
              "left",
              "clickCount",
              1));
    }
  }

  /** Types a text where the focus is. */
  void type(String text) throws Exception {
    send("Input.insertText", Map.of("text", text));
  }

  /** Presses a key. */
  void press(String key, int code) throws Exception {
    for (String type : List.of("keyDown", "keyUp")) {
      Map<String, Object> event =
          new LinkedHashMap<>(
              Map.of("type", type, "key", key, "code", key, "windowsVirtualKeyCode", code));
      if (key.equals("Enter") && type.equals("keyDown")) {
        event.put("text", "\r");
      }
      send("Input.dispatchKeyEvent", event);
    }
  }

  /** Gives the page a size and a colour scheme. */
  void shape(int width, int height, String scheme) throws Exception {
    send(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
    send(
        "Emulation.setEmulatedMedia",
        Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
  }

  /** Keeps what the page looks like, as PNG. */
  void picture(Path file) throws Exception {
    Object data = send("Page.captureScreenshot", Map.of("format", "png")).get("data");
    Files.write(file, Base64.getDecoder().decode(String.valueOf(data)));
  }

  @Override
  public void close() throws InterruptedException {
    socket.abort();
    process.destroy();
    if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }
}
