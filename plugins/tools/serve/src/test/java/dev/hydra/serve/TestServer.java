package dev.hydra.serve;

import com.fasterxml.jackson.jr.ob.JSON;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.FeedForward;
import dev.hydra.chat.ChatTemplate;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.data.Tokenizer;
import dev.hydra.ffn.dense.SwigluFactory;
import dev.hydra.inference.Engine;
import dev.hydra.inference.EngineLimits;
import dev.hydra.inference.EngineSettings;
import dev.hydra.inference.EngineThread;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.mixer.attention.FullFactory;
import dev.hydra.mixer.mamba.Mamba2Factory;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntConsumer;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A server with a tiny model of bytes, and one of token ids, and a client. */
final class TestServer implements AutoCloseable {
  static {
    // What ends a connection in these tests is what they try, not a limit of the JDK's server.
    System.setProperty("sun.net.httpserver.maxReqTime", "600");
  }

  static final EngineLimits LIMITS = new EngineLimits(16, 200, 512, 64, 1 << 22);

  private static final String MODEL =
      """
      model {
        vocab-size = 256, width = 32, depth = 2
        block {
          topology = sequential
          paths = [
            { mixer { type = mamba2, state = 8, head-dim = 16 }, at = "0" }
            { mixer { type = full, heads = 2 }, at = "1" }
            { ffn { type = swiglu, hidden = 32 } }
          ]
        }
      }
      """;

  static final String TEMPLATE =
      "{% for m in messages %}{% if m.role == 'refused' %}{{ raise_exception('no ' + m.role) }}"
          + "{% endif %}{% if m.role != 'unwritten' %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}"
          + "{% if tools %}[tools]{{ tools | tojson }}{% endif %}"
          + "{% if add_generation_prompt %}[assistant]{% endif %}";

  final Model model;
  final List<String> log = new ArrayList<>();
  final RecordedChanges changes = new RecordedChanges();
  final HttpClient client = HttpClient.newHttpClient();
  private final List<EngineThread> engines = new ArrayList<>();
  private final ApiServer server;

  /** Text is bytes. */
  record Bytes() implements Tokenizer {
    @Override
    public int vocabSize() {
      return 256;
    }

    @Override
    public void encode(byte[] text, IntConsumer sink) {
      for (byte each : text) {
        sink.accept(each & 0xff);
      }
    }

    @Override
    public byte[] bytes(int token) {
      return new byte[] {(byte) token};
    }
  }

  /** Takes note of what is asked. */
  static final class RecordedChanges implements ModelChanges {
    final List<Map<String, Object>> asked = new ArrayList<>();

    @Override
    public Map<String, Object> swap(Map<String, Object> form) {
      if (!form.containsKey("jar")) {
        throw new IllegalArgumentException("name a jar");
      }
      asked.add(form);
      return Map.of("status", "switched", "lines", List.of("swapped after step 7"));
    }

    @Override
    public Map<String, Object> rollback() throws IOException {
      throw new IOException("nobody answers");
    }

    @Override
    public List<Map<String, Object>> journal() {
      return asked;
    }
  }

  TestServer(EngineLimits limits, ServerSettings settings) throws IOException {
    this(limits, settings, new SwigluFactory());
  }

  /** The same with another feed-forward of type swiglu. */
  TestServer(
      EngineLimits limits, ServerSettings settings, ComponentFactory<FeedForward> feedForward)
      throws IOException {
    model =
        Model.build(
            ModelSpec.read(ConfigFactory.parseString(MODEL)),
            Components.of(new Mamba2Factory(), new FullFactory(), feedForward),
            new Placement(Devices.cpu(), ScalarType.Float),
            5);
    server =
        new ApiServer(
            settings,
            List.of(
                served(
                    "tiny",
                    limits,
                    Optional.of(new Bytes()),
                    Optional.of(ChatTemplate.parse(TEMPLATE, Map.of()))),
                served("ids", limits, Optional.empty(), Optional.empty())),
            () -> WebPage.of(nonce -> "<!DOCTYPE html><script nonce=\"" + nonce + "\"></script>"),
            log::add);
  }

  TestServer() throws IOException {
    this(LIMITS, ServerSettings.LOCAL.withPort(0));
  }

  private ServedModel served(
      String name,
      EngineLimits limits,
      Optional<Tokenizer> tokenizer,
      Optional<ChatTemplate> template) {
    // Two engines run one model, but their tests do not run at the same time.
    EngineThread engine = new EngineThread(new Engine(model, EngineSettings.of(limits)), name);
    engines.add(engine);
    return new ServedModel(
        name,
        engine,
        tokenizer,
        template,
        Set.of(),
        Map.of(),
        () -> Map.of("width", 32),
        tokenizer.map(swappable -> changes),
        1);
  }

  String address() {
    return server.address();
  }

  /** The engine of the model that has a tokenizer. */
  EngineThread engine() {
    return engines.get(0);
  }

  boolean idle() {
    return engines.stream().noneMatch(engine -> engine.engine().isBusy());
  }

  HttpRequest request(String path, String body) {
    return HttpRequest.newBuilder(URI.create(server.address() + path))
        .timeout(Duration.ofSeconds(60))
        .POST(HttpRequest.BodyPublishers.ofString(body))
        .build();
  }

  HttpResponse<String> post(String path, String body) {
    return send(request(path, body));
  }

  HttpResponse<String> get(String path) {
    return send(HttpRequest.newBuilder(URI.create(server.address() + path)).build());
  }

  HttpResponse<String> send(HttpRequest request) {
    try {
      return client.send(request, HttpResponse.BodyHandlers.ofString());
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Posts JSON and reads the answer, which must be 200. */
  Map<String, Object> ok(String path, Object body) {
    HttpResponse<String> response = post(path, Json.text(body));
    if (response.statusCode() != 200) {
      throw new AssertionError(response.statusCode() + " " + response.body());
    }
    return json(response.body());
  }

  static Map<String, Object> json(String text) {
    try {
      return JSON.std.mapFrom(text);
    } catch (IOException e) {
      throw new IllegalStateException(text, e);
    }
  }

  /** The events of a stream, without the last, {@code [DONE]}. */
  static List<Map<String, Object>> events(String body) {
    List<Map<String, Object>> events = new ArrayList<>();
    List<String> data =
        body.lines().filter(line -> line.startsWith("data: ")).map(l -> l.substring(6)).toList();
    if (!data.get(data.size() - 1).equals("[DONE]")) {
      throw new AssertionError("the stream was broken off: " + body);
    }
    data.subList(0, data.size() - 1).forEach(each -> events.add(json(each)));
    return events;
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> choice(Map<String, Object> answer, int index) {
    return ((List<Map<String, Object>>) answer.get("choices")).get(index);
  }

  @Override
  public void close() {
    server.close();
    model.close();
  }
}
