package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.inference.EngineLimits;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ErrorsTest {
  private static final ServerSettings SMALL =
      new ServerSettings(
          "127.0.0.1",
          0,
          Optional.empty(),
          Optional.empty(),
          4096,
          Duration.ofSeconds(2),
          Duration.ofSeconds(1),
          SendTimeout.USUAL);

  private static TestServer server;

  @BeforeAll
  static void start() throws IOException {
    server = new TestServer(TestServer.LIMITS, SMALL);
  }

  @AfterAll
  static void stop() {
    server.close();
    assertThat(server.log).isEmpty();
  }

  private static void refused(int status, String path, String body, String message) {
    HttpResponse<String> response = server.post(path, body);
    assertEquals(status, response.statusCode(), response.body());
    assertThat(response.body()).startsWith("{\"error\":{\"message\":").contains(message);
    assertThat(response.headers().firstValue("Content-Type")).contains("application/json");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "not JSON | the body is not JSON",
        "{\"a\":  | (line 1, column ",
        "[] | the body must be a JSON object",
        "{} {} | more than one JSON value",
        "{\"model\":\"tiny\"} | prompt is missing",
        "{\"model\":\"tiny\",\"prompt\":\"\"} | prompt is empty",
        "{\"model\":\"tiny\",\"prompt\":[]} | prompt is empty",
        "{\"model\":\"tiny\",\"prompt\":[[]]} | prompt[0] is empty",
        "{\"model\":\"tiny\",\"prompt\":[\"a\",\"\"]} | prompt[1] is empty",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":1.5} | must be a whole number,"
            + " but is 1.5",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":1e6} | the prompt has 1 token"
            + " and 1000000",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":1e10} | max_tokens must be between 0",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"seed\":1e30} | seed must be a whole number of 64",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"stream\":true,"
            + "\"stream_options\":{\"include_obfuscation\":true}} |"
            + " stream_options.include_obfuscation is not supported",
        "{\"model\":\"tiny\",\"prompt\":[1,\"a\"]} | has a string at 1, which is not a token id",
        "{\"model\":\"tiny\",\"prompt\":[1,2.5]} | has 2.5 at 1, which is not a token id",
        "{\"model\":\"tiny\",\"prompt\":[1,256]} | prompt has 256 at 1, which is not a token id"
            + " from 0 to 255",
        "{\"model\":\"tiny\",\"prompt\":[99999999999999999999]} | which is not a token id",
        "{\"model\":\"tiny\",\"prompt\":true} | must be a string, an array of strings",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":\"8\"} | max_tokens must be a whole",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":-1} | max_tokens must be between 0",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":512} | of the context; shorten one",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":99999} | context_length_exceeded",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"temperature\":-1} | temperature must be between",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"temperature\":1e999} | temperature must be between",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"temprature\":1} | did you mean temperature?",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"top_p\":0} | top_p must be above 0 and at most 1,"
            + " but is 0",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"n\":0} | n must be between 1",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"stop\":[\"\"]} | stop must be a string that is not",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"stop\":5} | stop must be a string that is not",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"stream\":1} | stream must be true or false",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"stream\":true,\"stream_options\":{\"x\":1}} |"
            + " stream_options.x is not a field",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"stream_options\":{\"include_usage\":true}} |"
            + " no effect without stream",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_completion_tokens\":8} | mean max_tokens?",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"logprobs\":99} | logprobs must be between 0 and 20",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"seed\":1.5} | seed must be a whole number",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"suffix\":\"b\"} | suffix is not supported",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"best_of\":2} | best_of must be n",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"logit_bias\":{\"x\":1}} | not a token id",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"logit_bias\":{\"1\":101}} | logit_bias.1 must be"
            + " between -100 and 100",
        "{\"model\":\"tiny\",\"prompt\":\"a\",\"logit_bias\":[1]} | logit_bias must be an object",
        "{\"prompt\":\"a\"} | model is missing",
        "{\"model\":5,\"prompt\":\"a\"} | model must be a string, but is 5"
      })
  void wrongCompletionsAreRefused(String body, String message) {
    refused(400, "/v1/completions", body, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"model\":\"tiny\"} | messages must be an array of at least one message",
        "{\"model\":\"tiny\",\"messages\":[5]} | messages[0] must be an object with a role",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":5}]} | .content must be",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"refused\",\"content\":\"a\"}]} | do not suit"
            + " the model's templ",
        "{\"model\":\"ids\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]} | has no chat"
            + " template",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\"}]} | messages[0].content is missing",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":[{}]}]} |"
            + " messages[0].content[0] must be a part of text",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\",\"content\":\"\"}],\"top_logprobs\":2} | no"
            + " effect",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\",\"content\":\"\"}],\"max_tokens\":99999} |"
            + " \"param\":\"messages\",\"code\":\"context_length_exceeded\"",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\",\"content\":\"\"}],\"stream_options\":{}} |"
            + " no effect without stream",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\"}],\"response_format\":{\"x\":1}} | may be",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"unwritten\",\"content\":\"a\"}]} |"
            + " messages[0] is left out by the model's template",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"image_url\","
            + "\"text\":\"a\"}]}]} | messages[0].content[0] must be a part of text",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\",\"content\":\"\"}],\"max_tokens\":5,"
            + "\"max_completion_tokens\":6} | but they differ; give one",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\"}],\"add_special_tokens\":true} |"
            + " is not a field of this request",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\"}],\"reasoning_effort\":\"low\"} |"
            + " reasoning_effort is not supported",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{}]}]} |"
            + " messages[0].tool_calls are left out by the model's template",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[1]}]} |"
            + " messages[0].tool_calls must be an array of objects",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":\"x\"}]} |"
            + " messages[0].tool_calls must be an array of objects",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"assistant\",\"function_call\":{}}]} |"
            + " messages[0].function_call is not supported",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\",\"content\":\"\"}],\"tools\":[\"x\"]} |"
            + " tools[0] must be",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\",\"content\":\"\"}],\"tools\":[{}]} |"
            + " tools[0] must be",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\"}],\"functions\":[]} | is not supported",
        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"u\"}],\"tool_choice\":\"required\"} | may be"
      })
  void wrongChatsAreRefused(String body, String message) {
    refused(400, "/v1/chat/completions", body, message);
  }

  @Test
  void unknownModelsPathsAndMethodsAreRefused() {
    refused(
        404, "/v1/completions", "{\"model\":\"tinny\",\"prompt\":\"a\"}", "did you mean \\\"tiny");
    refused(404, "/v1/embeddings", "{}", "there is nothing at /v1/embeddings");
    HttpResponse<String> response = server.get("/v1/completions");
    assertEquals(405, response.statusCode());
    assertThat(response.headers().firstValue("Allow")).contains("POST");
    HttpResponse<String> model = server.post("/v1/models/tiny", "{}");
    assertEquals(405, model.statusCode());
    assertThat(model.headers().firstValue("Allow")).contains("GET");
  }

  @Test
  void bodiesAreBounded() {
    String long1 = "{\"model\":\"tiny\",\"prompt\":\"" + "a".repeat(5000) + "\"}";
    refused(413, "/v1/completions", long1, "longer than 4096 bytes");
  }

  /**
   * What the HTTP library takes for a chunk's length and cannot read, and a body that breaks off.
   */
  @ParameterizedTest
  @CsvSource({
    "Transfer-Encoding: chunked, ffffffff",
    "Transfer-Encoding: chunked, -1",
    "Transfer-Encoding: chunked, no number",
    "Content-Length: 9, {}"
  })
  void bodiesThatBreakOffAreRefused(String header, String body) throws IOException {
    String request =
        "POST /tokenize HTTP/1.1\r\nHost: localhost\r\n" + header + "\r\n\r\n" + body + "\r\n";
    URI uri = URI.create(server.address());
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      socket.shutdownOutput();
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(answer)
          .startsWith("HTTP/1.1 400")
          .contains("the body broke off, or its chunks are malformed");
    }
  }

  /** A byte of it has come, and no more will: to wait for them would end in 408. */
  @Test
  void aBodyThatIsSaidToBeTooLongIsRefusedAtOnce() throws IOException {
    String request =
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n{";
    URI uri = URI.create(server.address());
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      byte[] answer = socket.getInputStream().readNBytes("HTTP/1.1 413".length());
      assertThat(new String(answer, StandardCharsets.UTF_8)).isEqualTo("HTTP/1.1 413");
    }
  }

  @Test
  void headIsGetWithoutBody() {
    for (String path : List.of("/health", "/nothing")) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(server.address() + path))
              .method("HEAD", HttpRequest.BodyPublishers.noBody())
              .build();
      HttpResponse<String> response = server.send(request);
      assertEquals(server.get(path).statusCode(), response.statusCode());
      assertThat(response.body()).isEmpty();
    }
  }

  @Test
  void deepNestingIsRefused() {
    refused(400, "/v1/completions", "[".repeat(2000), "the body is not JSON");
  }

  @Test
  void thoseTooManyAreToldToComeAgain() throws IOException {
    EngineLimits narrow = new EngineLimits(1, 1, 512, 64, 0);
    try (TestServer busy = new TestServer(narrow, SMALL)) {
      String body =
          Json.text(Map.of("model", "tiny", "prompt", "a", "max_tokens", 400, "temperature", 0));
      List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        answers.add(
            busy.client.sendAsync(
                busy.request("/v1/completions", body), HttpResponse.BodyHandlers.ofString()));
      }
      int refused = 0;
      for (CompletableFuture<HttpResponse<String>> answer : answers) {
        HttpResponse<String> response = answer.join();
        if (response.statusCode() == 429) {
          assertThat(response.headers().firstValue("Retry-After")).contains("1");
          assertThat(response.body()).contains("rate_limit_error");
          refused++;
        } else {
          assertEquals(200, response.statusCode());
        }
      }
      assertThat(refused).isBetween(1, 5);
    }
  }

  /** To come again would not help. */
  @Test
  void moreTextsThanAnIdleEngineTakesAreNotABusyEngine() {
    refused(
        400,
        "/v1/completions",
        Json.text(Map.of("model", "tiny", "prompt", Collections.nCopies(73, "a"), "n", 3)),
        "these are 219 texts (prompts times n), but no more than 216");
  }

  @Test
  void thePortIsTaken() {
    int port = URI.create(server.address()).getPort();
    assertThatThrownBy(() -> new TestServer(TestServer.LIMITS, SMALL.withPort(port)).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining("another program may have the port");
  }

  @Test
  void aHostThatIsNotKnownIsNamed() {
    assertThatThrownBy(() -> HttpListener.bind("host.invalid", 0, 0, Duration.ofSeconds(1)).stop(0))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cannot serve at host.invalid");
  }

  @Test
  void othersNeedTheKey() throws IOException {
    ServerSettings open =
        new ServerSettings(
            "0.0.0.0",
            0,
            Optional.empty(),
            Optional.empty(),
            4096,
            Duration.ofSeconds(2),
            Duration.ofSeconds(1),
            SendTimeout.USUAL);
    assertThatThrownBy(() -> new TestServer(TestServer.LIMITS, open).close())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("give a key");
    try (TestServer locked = new TestServer(TestServer.LIMITS, SMALL.withKey("secret"))) {
      assertEquals(200, locked.get("/health").statusCode());
      assertEquals(401, locked.get("/v1/models").statusCode());
      assertEquals(401, locked.get("/observations?model=tiny").statusCode());
      HttpResponse<String> page = locked.get("/");
      assertEquals(200, page.statusCode());
      assertThat(page.headers().firstValue("Content-Security-Policy").orElseThrow())
          .contains(page.body().replaceFirst("(?s).*(nonce)=\"(.*?)\".*", "$1-$2"));
      for (String key : List.of("Bearer wrong", "secret", "Bearer secret")) {
        HttpRequest request =
            HttpRequest.newBuilder(URI.create(locked.address() + "/v1/models"))
                .header("Authorization", key)
                .build();
        assertEquals(
            key.equals("Bearer secret") ? 200 : 401, locked.send(request).statusCode(), key);
      }
    }
  }

  /** A page of another site, in a browser on this machine, may not ask. */
  @Test
  void otherOriginsAreRefused() {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(server.address() + "/v1/models"))
            .header("Origin", "http://example.com")
            .build();
    assertEquals(403, server.send(request).statusCode());
    HttpRequest own =
        HttpRequest.newBuilder(URI.create(server.address() + "/v1/models"))
            .header("Origin", "http://localhost:3000")
            .build();
    assertEquals(200, server.send(own).statusCode());
  }

  @Test
  void aStoppedServerRefuses() throws IOException {
    TestServer stopped = new TestServer(TestServer.LIMITS, SMALL);
    String body =
        Json.text(Map.of("model", "tiny", "prompt", "a", "max_tokens", 500, "temperature", 0));
    CompletableFuture<HttpResponse<String>> answer =
        stopped.client.sendAsync(
            stopped.request("/v1/completions", body), HttpResponse.BodyHandlers.ofString());
    while (stopped.idle() && !answer.isDone()) {
      Thread.onSpinWait();
    }
    stopped.close();
    // Either there was time for all of it, or the client is told.
    HttpResponse<String> response = answer.join();
    assertThat(response.statusCode()).isIn(200, 503);
    assertThat(response.body()).containsAnyOf("\"finish_reason\":\"length\"", "is stopping");
  }
}
