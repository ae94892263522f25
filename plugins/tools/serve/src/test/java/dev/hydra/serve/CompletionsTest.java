package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.hydra.inference.SequenceScorer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@SuppressWarnings("unchecked")
class CompletionsTest {
  private static TestServer server;

  @BeforeAll
  static void start() throws IOException {
    server = new TestServer();
  }

  @AfterAll
  static void stop() {
    server.close();
    assertThat(server.log).isEmpty();
  }

  private static Map<String, Object> body(Object prompt, Object... more) {
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("model", "tiny");
    body.put("prompt", prompt);
    body.put("max_tokens", 8);
    body.put("temperature", 0);
    for (int i = 0; i < more.length; i += 2) {
      body.put((String) more[i], more[i + 1]);
    }
    return body;
  }

  private static Map<String, Object> complete(Object prompt, Object... more) {
    return server.ok("/v1/completions", body(prompt, more));
  }

  private static String text(Map<String, Object> answer) {
    return (String) TestServer.choice(answer, 0).get("text");
  }

  @Test
  void completes() {
    Map<String, Object> answer = complete("In the");
    assertEquals("text_completion", answer.get("object"));
    assertEquals("tiny", answer.get("model"));
    assertEquals("length", TestServer.choice(answer, 0).get("finish_reason"));
    assertNull(TestServer.choice(answer, 0).get("logprobs"));
    assertEquals(
        Map.of("prompt_tokens", 6, "completion_tokens", 8, "total_tokens", 14),
        answer.get("usage"));
    assertEquals(text(answer), text(complete("In the")));
    assertEquals(text(answer), text(complete(List.of(73, 110, 32, 116, 104, 101))));
  }

  @Test
  void streamsTheSame() {
    String whole = text(complete("In the", "temperature", 1, "seed", 3));
    Map<String, Object> options = Map.of("include_usage", true);
    List<Map<String, Object>> events =
        TestServer.events(
            server
                .post(
                    "/v1/completions",
                    Json.text(
                        body(
                            "In the",
                            "temperature",
                            1,
                            "seed",
                            3,
                            "stream",
                            true,
                            "stream_options",
                            options)))
                .body());
    StringBuilder text = new StringBuilder();
    events.stream()
        .filter(event -> !((List<?>) event.get("choices")).isEmpty())
        .forEach(event -> text.append(TestServer.choice(event, 0).get("text")));
    assertEquals(whole, text.toString());
    Map<String, Object> last = events.get(events.size() - 1);
    assertEquals(
        Map.of("prompt_tokens", 6, "completion_tokens", 8, "total_tokens", 14), last.get("usage"));
    assertEquals(
        "length", TestServer.choice(events.get(events.size() - 2), 0).get("finish_reason"));
  }

  @Test
  void answersSeveralPromptsSeveralTimes() {
    Map<String, Object> answer =
        complete(List.of("In the", "And"), "n", 2, "temperature", 1, "seed", 5);
    assertThat((List<?>) answer.get("choices")).hasSize(4);
    for (int i = 0; i < 4; i++) {
      Map<String, Object> choice = TestServer.choice(answer, i);
      assertEquals(i, choice.get("index"));
      String alone = text(complete(i < 2 ? "In the" : "And", "temperature", 1, "seed", 5 + i % 2));
      assertEquals(alone, choice.get("text"), "choice " + i);
    }
  }

  @Test
  void stopsBeforeStopStrings() {
    String whole = text(complete("In the", "max_tokens", 30, "temperature", 1, "seed", 1));
    String stop = whole.substring(10, 13);
    Map<String, Object> stopped =
        complete(
            "In the",
            "max_tokens",
            30,
            "temperature",
            1,
            "seed",
            1,
            "stop",
            List.of("zzzzz", stop));
    assertEquals(whole.substring(0, whole.indexOf(stop)), text(stopped));
    assertEquals("stop", TestServer.choice(stopped, 0).get("finish_reason"));
  }

  /** What lm-eval asks for: the log-likelihood of a continuation, and whether it is greedy. */
  @Test
  void scoresAsTheScorerDoes() {
    int[] first = {73, 110, 32, 116, 104, 101, 200, 7};
    int[] second = {1, 2, 3};
    Map<String, Object> answer =
        complete(
            List.of(list(first), list(second)),
            "max_tokens",
            1,
            "logprobs",
            1,
            "echo",
            true,
            "seed",
            1234);
    SequenceScorer scorer = new SequenceScorer(server.model);
    for (int row = 0; row < 2; row++) {
      int[] tokens = row == 0 ? first : second;
      Map<String, Object> logprobs =
          (Map<String, Object>) TestServer.choice(answer, row).get("logprobs");
      List<Double> values = (List<Double>) logprobs.get("token_logprobs");
      List<Map<String, Double>> top = (List<Map<String, Double>>) logprobs.get("top_logprobs");
      double[] expected = scorer.logProbabilities(tokens);
      assertEquals(tokens.length + 1, values.size());
      assertNull(values.get(0));
      assertNull(top.get(0));
      for (int i = 0; i < expected.length; i++) {
        assertEquals(expected[i], values.get(i + 1), 1e-5);
        assertThat(top.get(i + 1).values()).allMatch(best -> best >= expected[0] - 100);
        assertThat(top.get(i + 1)).hasSize(1);
      }
      // The drawn token is the likeliest one.
      assertEquals(values.get(tokens.length), top.get(tokens.length).values().iterator().next());
    }
  }

  private static List<Integer> list(int[] tokens) {
    List<Integer> list = new ArrayList<>();
    for (int token : tokens) {
      list.add(token);
    }
    return list;
  }

  @Test
  void scoresThePromptAlone() {
    Map<String, Object> answer = complete("In the", "max_tokens", 0, "logprobs", 2, "echo", true);
    assertEquals("In the", text(answer));
    Map<String, Object> logprobs =
        (Map<String, Object>) TestServer.choice(answer, 0).get("logprobs");
    assertEquals(List.of("I", "n", " ", "t", "h", "e"), logprobs.get("tokens"));
    assertEquals(List.of(0, 1, 2, 3, 4, 5), logprobs.get("text_offset"));
    assertThat((List<?>) logprobs.get("token_logprobs")).hasSize(6);
    Map<String, Object> one = complete("I", "max_tokens", 0, "logprobs", 2, "echo", true);
    assertEquals("I", text(one));
  }

  @Test
  void biasAndPenaltiesWork() {
    Map<String, Object> biased = complete("In the", "logit_bias", Map.of("65", 100));
    assertEquals("AAAAAAAA", text(biased));
    Map<String, Object> penalised =
        complete("In the", "logit_bias", Map.of("65", 100, "66", 99), "presence_penalty", 2);
    assertThat(text(penalised)).startsWith("AB");
  }

  @Test
  void tokenIdsDoWithoutTokenizer() {
    Map<String, Object> answer = complete(List.of(1, 2), "model", "ids", "max_tokens", 3);
    List<Integer> ids = (List<Integer>) TestServer.choice(answer, 0).get("token_ids");
    assertThat(ids).hasSize(3);
    assertEquals(ids.get(0) + " " + ids.get(1) + " " + ids.get(2), text(answer));
    assertThat(server.post("/v1/completions", Json.text(body("text", "model", "ids"))).body())
        .contains("has no tokenizer");
    assertThat(
            server
                .post("/v1/completions", Json.text(body(List.of(1), "model", "ids", "stop", "a")))
                .body())
        .contains("has no tokenizer");
  }

  @Test
  void idsAreToldApartAfterThePrompt() {
    Map<String, Object> answer =
        complete(List.of(10, 200), "model", "ids", "max_tokens", 3, "echo", true, "logprobs", 1);
    Map<String, Object> choice = TestServer.choice(answer, 0);
    Map<String, Object> logprobs = (Map<String, Object>) choice.get("logprobs");
    List<String> tokens = (List<String>) logprobs.get("tokens");
    List<Integer> offsets = (List<Integer>) logprobs.get("text_offset");
    assertThat(tokens).hasSize(5).startsWith("10", "200");
    assertEquals(String.join(" ", tokens), text(answer));
    for (int i = 0; i < tokens.size(); i++) {
      assertThat(text(answer).substring(offsets.get(i))).startsWith(tokens.get(i));
    }
  }

  @Test
  void listsAndTokenizes() {
    assertThat(server.get("/v1/models").body()).contains("\"id\":\"tiny\"", "\"id\":\"ids\"");
    assertThat(server.get("/v1/models/tiny").body()).contains("\"max_model_len\":512");
    assertEquals(404, server.get("/v1/models/none").statusCode());
    assertEquals(
        List.of(104, 105),
        server.ok("/tokenize", Map.of("model", "tiny", "prompt", "hi")).get("tokens"));
    assertEquals(
        "hi",
        server
            .ok("/detokenize", Map.of("model", "tiny", "tokens", List.of(104, 105)))
            .get("prompt"));
    assertThat(TestServer.json(server.get("/tokenizer_info?model=tiny").body()))
        .containsEntry("vocab_size", 256)
        .containsEntry("eos_token", null) // lm-eval looks for the field
        .containsEntry("chat_template", TestServer.TEMPLATE);
    assertEquals("{\"width\":32}", server.get("/composition?model=tiny").body());
    assertEquals("{\"status\":\"ok\"}", server.get("/health").body());
    assertThat(server.get("/metrics").body())
        .contains(
            "# TYPE hydra_drawn_tokens_total counter", "hydra_sessions_running{model=\"tiny\"}");
  }
}
