package dev.hydra.serve;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** One request and its answer. */
final class Call {
  private static final int SERVER_FAILED = 500;

  private final HttpExchange exchange;
  private final ServerSettings settings;
  private final ReadTimeout unsent;
  private final SendTimeout unread;
  private final Consumer<String> log;
  private volatile int status;

  /**
   * Begins with a request.
   *
   * @param unsent bounds what the client sends
   * @param unread bounds what it is sent
   * @param log is told of what went wrong that is nobody's mistake
   */
  Call(
      HttpExchange exchange,
      ServerSettings settings,
      ReadTimeout unsent,
      SendTimeout unread,
      Consumer<String> log) {
    this.exchange = exchange;
    this.settings = settings;
    this.unsent = unsent;
    this.unread = unread;
    this.log = log;
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

  /** A value of the query, {@code ?name=value}. */
  Optional<String> query(String name) {
    String query = exchange.getRequestURI().getQuery();
    if (query == null) {
      return Optional.empty();
    }
    for (String pair : query.split("&", -1)) {
      if (pair.startsWith(name + "=")) {
        return Optional.of(pair.substring(name.length() + 1));
      }
    }
    return Optional.empty();
  }

  /**
   * Reads the body.
   *
   * @throws ApiException if it is too long or breaks off
   * @throws ReadTimeout.TooSlowException if it takes too long, which the client has been told
   */
  Fields body() {
    return new Fields(Json.object(bytes()));
  }

  /**
   * Reads the body; without one there are no fields.
   *
   * @throws ApiException as {@link #body} does
   * @throws ReadTimeout.TooSlowException as {@link #body} does
   */
  Fields bodyIfAny() {
    byte[] body = bytes();
    return new Fields(body.length == 0 ? Map.of() : Json.object(body));
  }

  private byte[] bytes() {
    try {
      return unsent.read(exchange, settings.bodyBytes(), this::tooSlow);
    } catch (ReadTimeout.BodyException e) {
      String code = e.status() == ReadTimeout.BodyException.TOO_LONG ? "body_too_long" : null;
      throw new ApiException(
          e.status(), "invalid_request_error", String.valueOf(e.getMessage()), null, code);
    }
  }

  private void tooSlow() throws IOException {
    ApiException problem =
        new ApiException(
            408,
            "invalid_request_error",
            "the body took longer than " + settings.slowest().toSeconds() + " s",
            null,
            "too_slow");
    set("Connection", "close");
    answer(problem.status(), "application/json", Json.bytes(problem.error()));
  }

  /** Tells the operator of a failure. */
  void failed(Object problem) {
    log.accept(method() + " " + path() + " failed: " + problem);
  }

  /** Tells the operator of an error that the client is told, if it is the server's own. */
  void note(ApiException problem) {
    if (problem.status() == SERVER_FAILED) {
      failed(String.valueOf(problem.getMessage()));
    }
  }

  /** Adds a header to the answer. */
  void set(String name, String value) {
    exchange.getResponseHeaders().set(name, value);
  }

  /** Says whether an answer has begun. */
  boolean answered() {
    return status != 0;
  }

  /** Returns the status of the answer; 0 before there is one. */
  int status() {
    return status;
  }

  /** Answers with a JSON value. */
  void answer(int code, Object value) throws IOException {
    answer(code, "application/json", Json.bytes(value));
  }

  /** Answers with a text. */
  void answer(int code, String type, byte[] bytes) throws IOException {
    OutputStream body = begin(code, type, bytes.length == 0 || head() ? -1 : bytes.length);
    if (!head()) {
      body.write(bytes);
      body.flush();
    }
  }

  /** Answers with a page. */
  void answer(WebPage page) throws IOException {
    page.headers().forEach(this::set);
    answer(200, "text/html; charset=utf-8", utf8(page.html()));
  }

  /** Begins an answer whose length is not known; each flush reaches the client. */
  OutputStream stream(String type) throws IOException {
    return begin(200, type, 0);
  }

  private OutputStream begin(int code, String type, long length) throws IOException {
    status = code;
    set("Content-Type", type);
    unread.headers(exchange, code, length);
    return exchange.getResponseBody();
  }

  /** Ends the connection; what was not written to its end is seen as broken off. */
  void abort() {
    exchange.close();
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
