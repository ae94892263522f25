package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@SuppressWarnings("unchecked")
class ChatTest {
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

  private static Map<String, Object> body(Object... more) {
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("model", "tiny");
    body.put("messages", List.of(Map.of("role", "user", "content", "Hello")));
    body.put("max_tokens", 8);
    body.put("temperature", 0);
    for (int i = 0; i < more.length; i += 2) {
      body.put((String) more[i], more[i + 1]);
    }
    return body;
  }

  private static String said(Map<String, Object> answer) {
    return (String)
        ((Map<String, Object>) TestServer.choice(answer, 0).get("message")).get("content");
  }

  private static String completed(String prompt) {
    Map<String, Object> answer =
        server.ok(
            "/v1/completions",
            Map.of("model", "tiny", "prompt", prompt, "max_tokens", 8, "temperature", 0));
    return (String) TestServer.choice(answer, 0).get("text");
  }

  @Test
  void answersInTheTemplate() {
    Map<String, Object> answer = server.ok("/v1/chat/completions", body());
    assertEquals("chat.completion", answer.get("object"));
    assertEquals(completed("[user]Hello[assistant]"), said(answer));
    assertEquals("length", TestServer.choice(answer, 0).get("finish_reason"));
  }

  @Test
  void handsToolsAndPartsToTheTemplate() {
    Map<String, Object> tool = new LinkedHashMap<>();
    tool.put("type", "function");
    tool.put("function", Map.of("name", "add"));
    assertEquals(
        completed(
            "[user]Hello[tools][{\"type\": \"function\", \"function\": {\"name\": \"add\"}}]"
                + "[assistant]"),
        said(server.ok("/v1/chat/completions", body("tools", List.of(tool)))));
    List<Object> parts = List.of(Map.of("type", "text", "text", "Hel"), Map.of("text", "lo"));
    assertEquals(
        completed("[user]Hello[assistant]"),
        said(
            server.ok(
                "/v1/chat/completions",
                body("messages", List.of(Map.of("role", "user", "content", parts))))));
  }

  @Test
  void noCallsOfToolsAreAsIfTheyWereNotGiven() {
    for (List<Object> calls : Arrays.asList(List.<Object>of(), null)) {
      Map<String, Object> assistant = new LinkedHashMap<>();
      assistant.put("role", "assistant");
      assistant.put("content", "Hi");
      assistant.put("tool_calls", calls);
      assistant.put("function_call", null);
      assertEquals(
          completed("[assistant]Hi[assistant]"),
          said(server.ok("/v1/chat/completions", body("messages", List.of(assistant)))));
    }
  }

  private static List<Object> message(String role) {
    return List.of(
        Map.of("role", role, "content", "Be brief"), Map.of("role", "user", "content", "Hello"));
  }

  /** Unless the template tells them apart. */
  @Test
  void aDeveloperIsTheSystem() {
    assertEquals(
        completed("[system]Be brief[user]Hello[assistant]"),
        said(server.ok("/v1/chat/completions", body("messages", message("developer")))));
  }

  @Test
  void theNumberOfTokensHasTwoNames() {
    for (int most : new int[] {8, 3}) {
      Map<String, Object> body = body("max_completion_tokens", most);
      if (most == 3) {
        body.remove("max_tokens");
      }
      assertThat(server.ok("/v1/chat/completions", body).get("usage"))
          .hasFieldOrPropertyWithValue("completion_tokens", most);
    }
  }

  @Test
  void streamsTheSame() {
    String whole = said(server.ok("/v1/chat/completions", body()));
    List<Map<String, Object>> events =
        TestServer.events(
            server.post("/v1/chat/completions", Json.text(body("stream", true))).body());
    assertThat(events).noneMatch(event -> event.containsKey("usage"));
    assertEquals("chat.completion.chunk", events.get(0).get("object"));
    StringBuilder text = new StringBuilder();
    for (Map<String, Object> event : events) {
      Map<String, Object> delta = (Map<String, Object>) TestServer.choice(event, 0).get("delta");
      text.append(delta.getOrDefault("content", ""));
    }
    assertEquals(whole, text.toString());
    assertEquals(
        "length", TestServer.choice(events.get(events.size() - 1), 0).get("finish_reason"));
  }

  @Test
  void aStreamTellsItsTokensLast() {
    Map<String, Object> options = Map.of("include_usage", true, "include_obfuscation", false);
    List<Map<String, Object>> events =
        TestServer.events(
            server
                .post(
                    "/v1/chat/completions",
                    Json.text(body("stream", true, "stream_options", options)))
                .body());
    Map<String, Object> last = events.get(events.size() - 1);
    assertThat(last.get("choices")).isEqualTo(List.of());
    assertThat(last.get("usage")).hasFieldOrPropertyWithValue("completion_tokens", 8);
    assertThat(events.subList(0, events.size() - 1))
        .allMatch(event -> event.containsKey("usage") && event.get("usage") == null);
  }

  @Test
  void tellsProbabilities() {
    Map<String, Object> answer =
        server.ok("/v1/chat/completions", body("logprobs", true, "top_logprobs", 2));
    Map<String, Object> logprobs =
        (Map<String, Object>) TestServer.choice(answer, 0).get("logprobs");
    List<Map<String, Object>> content = (List<Map<String, Object>>) logprobs.get("content");
    assertThat(content).hasSize(8);
    List<Map<String, Object>> top = (List<Map<String, Object>>) content.get(0).get("top_logprobs");
    assertThat(top).hasSize(2);
    assertEquals(content.get(0).get("logprob"), top.get(0).get("logprob"));
    assertEquals(content.get(0).get("bytes"), top.get(0).get("bytes"));
  }
}
