package dev.hydra.cli.watch;

import com.fasterxml.jackson.jr.ob.JSON;
import com.sun.net.httpserver.HttpExchange;
import dev.hydra.cli.common.Json;
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

  Request(HttpExchange exchange) {
    this.exchange = exchange;
  }

  String method() {
    return exchange.getRequestMethod();
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

  /** Reads the body, a JSON object. */
  Map<String, Object> body() throws IOException {
    byte[] body = exchange.getRequestBody().readNBytes(LONGEST_BODY + 1);
    if (body.length > LONGEST_BODY) {
      throw new HttpProblem(413, "the body is longer than " + LONGEST_BODY + " bytes");
    }
    try {
      return JSON.std.mapFrom(new String(body, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new HttpProblem(400, "the body is not a JSON object");
    }
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
    set("Content-Security-Policy", page.policy());
    set("Referrer-Policy", "no-referrer");
    answer(200, "text/html", page.html());
  }

  /** Answers with a text. */
  private void answer(int status, String type, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    set("Content-Type", type + "; charset=utf-8");
    set("Cache-Control", "no-store");
    set("X-Content-Type-Options", "nosniff");
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
  }
}
