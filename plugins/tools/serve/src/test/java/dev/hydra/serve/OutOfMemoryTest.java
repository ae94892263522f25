package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A text that a device has no memory for fails alone, and its client is told in one message. */
class OutOfMemoryTest {
  private static final String SAID =
      "CUDA out of memory: 1.5 GiB more were needed; cuda:0 has 80.0 GiB, 512.0 MiB free; try again"
          + " later, or with a shorter prompt and fewer max_tokens";

  private static TestServer server;

  /** The text is LibTorch's. */
  private static Tensor refuse(Tensor result) {
    throw new RuntimeException(
        "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 80.00"
            + " GiB of which 512.00 MiB is free. \nException raised from malloc at x.cpp:1\n"
            + "frame #0: x");
  }

  @BeforeAll
  static void start() throws IOException {
    server =
        new TestServer(
            TestServer.LIMITS,
            ServerSettings.LOCAL.withPort(0),
            new FailingSwiglu(OutOfMemoryTest::refuse));
  }

  @AfterAll
  static void stop() {
    server.close();
    assertThat(server.log).isEmpty();
  }

  /** Texts of one letter begin as others of it did, which are kept. */
  private static Map<String, Object> asked(String letter, int tokens, boolean stream) {
    return Map.of(
        "model", "tiny", "prompt", letter.repeat(tokens), "max_tokens", 4, "stream", stream);
  }

  @Test
  void theClientIsToldAndOthersAreServed() {
    HttpResponse<String> refused =
        server.post("/v1/completions", Json.text(asked("a", FailingSwiglu.MOST + 10, false)));
    assertEquals(503, refused.statusCode(), refused.body());
    assertThat(TestServer.json(refused.body()))
        .extractingByKey("error")
        .hasFieldOrPropertyWithValue("message", SAID)
        .hasFieldOrPropertyWithValue("type", "server_error");
    server.ok("/v1/completions", asked("c", FailingSwiglu.MOST, false));
  }

  @Test
  void soIsOneThatReadsAStream() {
    HttpResponse<String> refused =
        server.post("/v1/completions", Json.text(asked("b", FailingSwiglu.MOST + 10, true)));
    List<Map<String, Object>> events = TestServer.events(refused.body());
    assertThat(events.get(events.size() - 1).toString()).contains(SAID);
    server.ok("/v1/completions", asked("c", FailingSwiglu.MOST, false));
  }
}
