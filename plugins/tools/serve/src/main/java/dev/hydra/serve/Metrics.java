package dev.hydra.serve;

import dev.hydra.inference.EngineStatistics;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToLongFunction;

/** Counts for Prometheus, in its text format 0.0.4. */
final class Metrics {
  private final Map<String, LongAdder> answers = new ConcurrentHashMap<>();
  private final Map<String, LongAdder> nanos = new ConcurrentHashMap<>();
  private final AtomicInteger active = new AtomicInteger();

  void begun() {
    active.incrementAndGet();
  }

  /**
   * Counts an answer.
   *
   * @param status 499 if the client went before
   */
  void answered(String endpoint, int status, long duration) {
    active.decrementAndGet();
    String labels = "endpoint=\"" + endpoint + "\",status=\"" + status + "\"";
    answers.computeIfAbsent(labels, key -> new LongAdder()).increment();
    nanos.computeIfAbsent("endpoint=\"" + endpoint + "\"", key -> new LongAdder()).add(duration);
  }

  String text(Models models) {
    StringBuilder text = new StringBuilder();
    head(text, "hydra_http_requests_total", "counter", "Answers by endpoint and status.");
    new TreeMap<>(answers)
        .forEach((labels, count) -> line(text, "hydra_http_requests_total", labels, count.sum()));
    head(text, "hydra_http_seconds_total", "counter", "Time from request to end of answer.");
    new TreeMap<>(nanos)
        .forEach((labels, sum) -> line(text, "hydra_http_seconds_total", labels, sum.sum() / 1e9));
    head(text, "hydra_http_active", "gauge", "Requests being answered.");
    line(text, "hydra_http_active", "", active.get());
    gauge(text, models, "hydra_sessions_running", "Texts being continued.", s -> s.running());
    gauge(text, models, "hydra_sessions_waiting", "Texts that wait.", s -> s.waiting());
    gauge(text, models, "hydra_prefix_bytes", "Bytes of kept states.", s -> s.prefixBytes());
    counter(text, models, "hydra_sessions_total", "Texts begun.", s -> s.sessions());
    counter(text, models, "hydra_sessions_cancelled_total", "Cancelled.", s -> s.cancelled());
    counter(text, models, "hydra_sessions_failed_total", "Failed.", s -> s.failed());
    counter(text, models, "hydra_prompt_tokens_total", "Tokens read.", s -> s.promptTokens());
    counter(
        text,
        models,
        "hydra_reused_tokens_total",
        "Tokens of prompts whose state was kept.",
        s -> s.reusedTokens());
    counter(text, models, "hydra_drawn_tokens_total", "Tokens drawn.", s -> s.drawnTokens());
    counter(text, models, "hydra_decoding_steps_total", "Decoding steps.", s -> s.steps());
    return text.toString();
  }

  private static void gauge(
      StringBuilder text,
      Models models,
      String name,
      String help,
      ToLongFunction<EngineStatistics.Snapshot> value) {
    head(text, name, "gauge", help);
    byModel(text, models, name, value);
  }

  private static void counter(
      StringBuilder text,
      Models models,
      String name,
      String help,
      ToLongFunction<EngineStatistics.Snapshot> value) {
    head(text, name, "counter", help);
    byModel(text, models, name, value);
  }

  private static void byModel(
      StringBuilder text,
      Models models,
      String name,
      ToLongFunction<EngineStatistics.Snapshot> value) {
    for (ServedModel model : models.all()) {
      String label = model.name().replace("\\", "\\\\").replace("\"", "\\\"");
      line(
          text,
          name,
          "model=\"" + label + "\"",
          value.applyAsLong(model.engine().engine().statistics().snapshot()));
    }
  }

  private static void head(StringBuilder text, String name, String type, String help) {
    text.append("# HELP ").append(name).append(' ').append(help).append('\n');
    text.append("# TYPE ").append(name).append(' ').append(type).append('\n');
  }

  private static void line(StringBuilder text, String name, String labels, Object value) {
    text.append(name);
    if (!labels.isEmpty()) {
      text.append('{').append(labels).append('}');
    }
    text.append(' ').append(value).append('\n');
  }
}
