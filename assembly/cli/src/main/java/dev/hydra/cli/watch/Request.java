package dev.hydra.cli.watch;

import com.sun.net.httpserver.HttpExchange;
import dev.hydra.cli.common.Json;
import dev.hydra.libtorch.io.JsonText;
import dev.hydra.serve.ReadTimeout;
import dev.hydra.serve.SendTimeout;
import dev.hydra.serve.WebPage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;

/** One request and its answer. */
final class Request {
  private static final int LONGEST_BODY = 1 << 20;
  private static final String JSON_TYPE = "application/json";

  private final HttpExchange exchange;
  private final ReadTimeout unsent;
  private final SendTimeout unread;

  Request(HttpExchange exchange, ReadTimeout unsent, SendTimeout unread) {
    this.exchange = exchange;
    this.unsent = unsent;
    this.unread = unread;
    unread.bound(exchange);
  }

  /** Returns the method; HEAD is a GET of which only the headers are sent. */
  String method() {
    return head() ? "GET" : exchange.getRequestMethod();
  }

  private boolean head() {
    return exchange.getRequestMethod().equals("HEAD");
  }

  String path() {
    return exchange.getRequestURI().getPath();
  }

  Optional<String> header(String name) {
    return Optional.ofNullable(exchange.getRequestHeaders().getFirst(name));
  }

  /** Returns a whole number of the query, {@code ?name=number}; 0 if there is none. */
  long number(String name) {
    String query = Optional.ofNullable(exchange.getRequestURI().getQuery()).orElse("");
    for (String pair : query.split("&", -1)) {
      if (pair.matches(name + "=\\d{1,18}")) {
        return Long.parseLong(pair.substring(name.length() + 1));
      }
    }
    return 0;
  }

  /**
   * Reads the body, a JSON object.
   *
   * @throws HttpProblem if it is another thing, too long or breaks off
   * @throws ReadTimeout.TooSlowException if it takes too long, which the client has been told
   */
  Map<String, Object> body() {
    try {
      byte[] body = unsent.read(exchange, LONGEST_BODY, this::tooSlow);
      return JsonText.object(new String(body, StandardCharsets.UTF_8));
    } catch (ReadTimeout.BodyException e) {
      throw new HttpProblem(e.status(), String.valueOf(e.getMessage()));
    } catch (IOException e) {
      throw new HttpProblem(400, "the body is not a JSON object");
    }
  }

  private void tooSlow() throws IOException {
    set("Connection", "close");
    answer(408, Map.of("error", "the body took too long"));
  }

  /** Adds a header to the answer. */
  void set(String name, String value) {
    exchange.getResponseHeaders().set(name, value);
  }

  /** Answers with a JSON object. */
  void answer(int status, Map<String, ?> object) throws IOException {
    answer(status, JSON_TYPE, Json.line(object));
  }

  /** Answers with a page. */
  void answer(WebPage page) throws IOException {
    page.headers().forEach(this::set);
    answer(200, "text/html", page.html());
  }

  /** Answers with a text. */
  private void answer(int status, String type, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    set("Content-Type", type + "; charset=utf-8");
    set("Cache-Control", "no-store");
    set("X-Content-Type-Options", "nosniff");
    unread.headers(exchange, status, head() ? -1 : bytes.length);
    if (!head()) {
      exchange.getResponseBody().write(bytes);
      exchange.getResponseBody().flush();
    }
  }
}
