package dev.hydra.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.FeedForward;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.ffn.dense.SwigluFactory;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A text that a device has no memory for fails alone, and its client is told in one message. */
class OutOfMemoryTest {
  private static final int MOST = 20;
  private static final String SAID =
      "CUDA out of memory: 1.5 GiB more were needed; cuda:0 has 80.0 GiB, 512.0 MiB free; try again"
          + " later, or with a shorter prompt and fewer max_tokens";

  private static TestServer server;

  /** The text is LibTorch's. */
  @HydraPlugin("swiglu")
  private record Refusing(SwigluFactory good) implements ComponentFactory<FeedForward> {
    @Override
    public Role role() {
      return good.role();
    }

    @Override
    public List<Option<?>> options() {
      return good.options();
    }

    @Override
    public FeedForward create(Site site) {
      FeedForward usual = good.create(site);
      return (x, pass) -> {
        if (x.size(1) > MOST) {
          throw new RuntimeException(
              "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 80.00"
                  + " GiB of which 512.00 MiB is free. \nException raised from malloc at x.cpp:1\n"
                  + "frame #0: x");
        }
        return usual.forward(x, pass);
      };
    }

    @Override
    public Cost cost(Site site, Workload work) {
      return good.cost(site, work);
    }
  }

  @BeforeAll
  static void start() throws IOException {
    server =
        new TestServer(
            TestServer.LIMITS, ServerSettings.LOCAL.withPort(0), new Refusing(new SwigluFactory()));
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
        server.post("/v1/completions", Json.text(asked("a", MOST + 10, false)));
    assertEquals(503, refused.statusCode(), refused.body());
    assertThat(TestServer.json(refused.body()))
        .extractingByKey("error")
        .hasFieldOrPropertyWithValue("message", SAID)
        .hasFieldOrPropertyWithValue("type", "server_error");
    server.ok("/v1/completions", asked("c", MOST, false));
  }

  @Test
  void soIsOneThatReadsAStream() {
    HttpResponse<String> refused =
        server.post("/v1/completions", Json.text(asked("b", MOST + 10, true)));
    List<Map<String, Object>> events = TestServer.events(refused.body());
    assertThat(events.get(events.size() - 1).toString()).contains(SAID);
    server.ok("/v1/completions", asked("c", MOST, false));
  }
}
