package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.testing.Handles;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Many clients at once, some of which vanish, and many that send what is not a request. */
class LoadTest {
  private static final int SESSIONS = 64;
  private static final int MALFORMED = 10_000;

  private static Map<String, Object> body(SplittableRandom random, int number) {
    List<Integer> prompt = random.ints(1 + random.nextInt(60), 0, 256).boxed().toList();
    Map<String, Object> body = new LinkedHashMap<>();
    body.put("model", "tiny");
    body.put("prompt", prompt);
    body.put("max_tokens", 1 + random.nextInt(60));
    body.put("temperature", number % 2);
    body.put("seed", number);
    body.put("return_token_ids", true);
    body.put("stream", number % 3 == 0);
    return body;
  }

  private static List<Object> ids(Map<String, Object> body, String answer) {
    List<Map<String, Object>> parts =
        Boolean.TRUE.equals(body.get("stream"))
            ? TestServer.events(answer)
            : List.of(TestServer.json(answer));
    List<Object> ids = new ArrayList<>();
    parts.forEach(part -> ids.addAll((List<?>) TestServer.choice(part, 0).get("token_ids")));
    return ids;
  }

  @Test
  void sessionsTogetherSayWhatTheySayAlone() throws IOException, InterruptedException {
    SplittableRandom random = new SplittableRandom(4);
    List<Map<String, Object>> bodies = new ArrayList<>();
    for (int i = 0; i < SESSIONS; i++) {
      bodies.add(body(random, i));
    }
    try (TestServer server = new TestServer()) {
      List<List<Object>> alone = new ArrayList<>();
      for (Map<String, Object> body : bodies) {
        alone.add(ids(body, server.post("/v1/completions", Json.text(body)).body()));
      }
      List<CompletableFuture<Void>> vanishing = new ArrayList<>();
      List<CompletableFuture<List<Object>>> together = new ArrayList<>();
      for (Map<String, Object> body : bodies) {
        together.add(
            CompletableFuture.supplyAsync(
                () -> ids(body, server.post("/v1/completions", Json.text(body)).body()),
                task -> new Thread(task).start()));
        vanishing.add(
            CompletableFuture.runAsync(
                () -> vanish(server.address(), body), task -> new Thread(task).start()));
      }
      for (int i = 0; i < SESSIONS; i++) {
        assertEquals(alone.get(i), together.get(i).join(), "session " + i);
        vanishing.get(i).join();
      }
      for (int i = 0; i < 200 && !server.idle(); i++) {
        Thread.sleep(50);
      }
      assertThat(server.idle()).as("sessions of clients that have gone are over").isTrue();
      assertThat(server.log).isEmpty();
    }
  }

  /** Asks for a long stream and goes away after its first bytes. */
  private static void vanish(String address, Map<String, Object> body) {
    Map<String, Object> longer = new LinkedHashMap<>(body);
    longer.put("max_tokens", 400);
    longer.put("stream", true);
    byte[] content = Json.bytes(longer);
    URI uri = URI.create(address);
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      OutputStream out = socket.getOutputStream();
      out.write(
          ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                  + content.length
                  + "\r\n\r\n")
              .getBytes(StandardCharsets.US_ASCII));
      out.write(content);
      InputStream in = socket.getInputStream();
      assertThat(in.readNBytes(100)).hasSize(100);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void malformedRequestsLeaveNothingBehind() throws IOException {
    SplittableRandom random = new SplittableRandom(8);
    try (TestServer server = new TestServer()) {
      malformed(server, random, 300);
      Handles handles = Handles.count();
      malformed(server, random, MALFORMED);
      handles.sampleCollected();
      handles.assertFlat(1);
      assertEquals(
          200,
          server
              .post("/v1/completions", "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":2}")
              .statusCode());
      assertThat(server.idle()).isTrue();
      assertThat(server.log).isEmpty();
    }
  }

  /** Requests with some bytes or fields changed; each is answered, none by a failure. */
  private static void malformed(TestServer server, SplittableRandom random, int count) {
    String[] paths = {"/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize", "/x"};
    for (int i = 0; i < count; i++) {
      Map<String, Object> body = body(random, i);
      body.put("max_tokens", 1);
      body.put("messages", List.of(Map.of("role", "user", "content", "a")));
      StringBuilder text = new StringBuilder(Json.text(body));
      for (int change = 1 + random.nextInt(4); change > 0; change--) {
        int at = random.nextInt(text.length());
        switch (random.nextInt(3)) {
          case 0 -> text.setCharAt(at, (char) (32 + random.nextInt(96)));
          case 1 -> text.setLength(Math.max(1, at));
          default -> text.insert(at, (char) random.nextInt(0xd000));
        }
      }
      String path = paths[random.nextInt(paths.length)];
      int status = server.post(path, text.toString()).statusCode();
      assertThat(status).as(text.toString()).isIn(200, 400, 404);
    }
  }
}
