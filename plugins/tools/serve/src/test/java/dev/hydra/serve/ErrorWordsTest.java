package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.runtime.Tensors;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What clients are told when something is wrong: they cannot set options of the command line, so a
 * message that names one says that the operator can.
 */
class ErrorWordsTest {
  private static final Pattern OPTION = Pattern.compile("--[a-z]");
  private static final Pattern FOR_THE_OPERATOR = Pattern.compile("operator.*?--[a-z]");
  private static final String OWNERS_KEY = "owner";

  private static final List<Object> ODD =
      Arrays.asList(
          "",
          "x",
          -1,
          0,
          1.5,
          1e9,
          99_999_999_999L,
          true,
          List.of(),
          List.of(1, "a"),
          Map.of("x", 1));

  private static final List<Object> MESSAGES = List.of(Map.of("role", "user", "content", "Hello"));

  private static TestServer server;

  @BeforeAll
  static void start() throws IOException {
    server =
        new TestServer(
            TestServer.LIMITS,
            ServerSettings.LOCAL.withPort(0).withOwnersKey(OWNERS_KEY),
            new FailingSwiglu(result -> Tensors.mul(result, Double.NaN)));
  }

  @AfterAll
  static void stop() {
    server.close();
    assertThat(server.log)
        .anyMatch(line -> line.startsWith("POST /v1/completions failed: "))
        .allMatch(line -> line.contains("came out as NaN"));
  }

  /** Returns the message of an error, whose words are checked; nothing if there was no error. */
  private static String said(HttpResponse<String> response) {
    if (response.statusCode() < 400) {
      return "";
    }
    Object error = TestServer.json(response.body()).get("error");
    String message = String.valueOf(((Map<?, ?>) error).get("message"));
    if (OPTION.matcher(message).find()) {
      assertThat(message).containsPattern(FOR_THE_OPERATOR);
    }
    return message;
  }

  private static String said(String path, Object body) {
    return said(server.post(path, Json.text(body)));
  }

  private static Map<String, Object> with(Map<String, Object> usual, String name, Object value) {
    Map<String, Object> body = new LinkedHashMap<>(usual);
    body.put(name, value);
    return body;
  }

  private static void walk(String path, Map<String, Object> usual, List<String> names) {
    int errors = 0;
    for (String name : names) {
      for (Object value : ODD) {
        errors += said(path, with(usual, name, value)).isEmpty() ? 0 : 1;
      }
    }
    assertThat(errors).as("errors of %s", path).isGreaterThan(3 * names.size());
  }

  @Test
  void fieldsOfCompletions() {
    List<String> names = new ArrayList<>(new TreeSet<>(Completions.NAMES));
    names.add("unknown");
    walk("/v1/completions", Map.of("model", "tiny", "prompt", "a", "max_tokens", 1), names);
    walk("/v1/completions", Map.of("model", "ids", "prompt", "a"), List.of("stop", "prompt"));
  }

  @Test
  void fieldsOfChats() {
    List<String> names = new ArrayList<>(new TreeSet<>(ChatCompletions.NAMES));
    names.add("unknown");
    walk(
        "/v1/chat/completions",
        Map.of("model", "tiny", "messages", MESSAGES, "max_tokens", 1),
        names);
    walk("/tokenize", Map.of("model", "tiny"), List.of("prompt", "messages", "tools", "unknown"));
    walk("/detokenize", Map.of("model", "ids"), List.of("tokens", "unknown"));
  }

  @Test
  void whatTheOperatorCanChangeIsSaidToBeHis() {
    assertThat(said("/v1/chat/completions", Map.of("model", "ids", "messages", MESSAGES)))
        .contains("has no chat template", "the operator names one with --template");
    assertThat(
            said(
                "/v1/completions",
                Map.of("model", "tiny", "prompt", Collections.nCopies(100, "a"), "n", 3)))
        .contains("these are 300 texts", "the operator allows more with --max-sessions");
    assertThat(
            said(
                "/v1/completions",
                Map.of("model", "tiny", "prompt", "a".repeat(FailingSwiglu.MOST + 10))))
        .contains("came out as NaN", "the operator would have to serve another checkpoint");
  }

  @Test
  void changes() {
    assertThat(said("/swap?model=tiny", Map.of()))
        .contains("prints for the operator who starts it with");
    for (String path : List.of("/swap?model=ids", "/rollback?model=ids", "/swap?model=tiny")) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create(server.address() + path))
              .header("Authorization", "Bearer " + OWNERS_KEY)
              .POST(HttpRequest.BodyPublishers.ofString("{}"))
              .build();
      String said = said(server.send(request));
      assertEquals(
          path.endsWith("ids"), said.contains("unless the operator starts the server with"), said);
    }
    assertThat(said(server.get("/journal?model=ids"))).contains("unless the operator");
  }

  @Test
  void paths() {
    for (String path :
        List.of("/v1/embeddings", "/v1/models/none", "/observations", "/composition")) {
      assertThat(said(server.get(path))).as(path).isNotEmpty();
    }
  }
}
