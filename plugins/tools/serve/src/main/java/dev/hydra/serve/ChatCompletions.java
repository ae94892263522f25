package dev.hydra.serve;

import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Answers {@code POST /v1/chat/completions}. */
final class ChatCompletions {
  private static final int MOST_CHOICES = 128;
  private static final int MOST_LOGPROBS = 20;

  /** Fields of the protocol that would change the answer. */
  private static final List<String> UNSUPPORTED =
      List.of(
          "audio",
          "functions",
          "function_call",
          "prediction",
          "reasoning_effort",
          "verbosity",
          "web_search_options");

  static final Set<String> NAMES = names();

  private final Models models;

  ChatCompletions(Models models) {
    this.models = models;
  }

  private static Set<String> names() {
    Set<String> names = new HashSet<>(SamplingFields.NAMES);
    names.addAll(
        List.of(
            "model",
            "messages",
            "max_tokens",
            "max_completion_tokens",
            "logprobs",
            "top_logprobs",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "response_format",
            "modalities"));
    names.addAll(UNSUPPORTED);
    return names;
  }

  void answer(Call call) throws IOException, InterruptedException {
    Fields fields = call.body();
    fields.known(NAMES);
    refuse(fields);
    ServedModel model = models.find(fields.text("model"));
    int[] prompt = Conversation.tokens(fields, model, true);
    int context = model.engine().engine().limits().context();
    int tokens = most(fields).orElse(Math.max(1, context - prompt.length));
    int copies = fields.integer("n", 1, MOST_CHOICES).orElse(1);
    boolean logprobs = fields.flag("logprobs", false);
    int top = fields.integer("top_logprobs", 0, MOST_LOGPROBS).orElse(0);
    if (top > 0 && !logprobs) {
      throw ApiException.field("top_logprobs", "has no effect without logprobs = true");
    }
    Sampling sampling = SamplingFields.sampling(fields, model.engine().engine().vocabulary());
    Set<Integer> end = fields.flag("ignore_eos", false) ? Set.of() : model.endTokens();
    Request.ScoreRequest scores = new Request.ScoreRequest(logprobs, false, top);
    List<Request> requests = new ArrayList<>();
    for (int i = 0; i < copies; i++) {
      requests.add(
          new Request(prompt, tokens, sampling.withSeed(sampling.seed() + i), end, scores));
    }
    boolean stream = fields.flag("stream", false);
    boolean usage = SamplingFields.usage(fields);
    List<String> stops = SamplingFields.stops(fields);
    try (Answer answer = new Answer(model, "messages", requests, stops)) {
      if (stream) {
        Delivery.stream(
            call,
            answer,
            new ChatForm(model, prompt.length, logprobs, "chat.completion.chunk", usage));
      } else {
        Delivery.whole(
            call, answer, new ChatForm(model, prompt.length, logprobs, "chat.completion", true));
      }
    }
  }

  /** The most tokens of an answer, under its name of today or that of before. */
  private static Optional<Integer> most(Fields fields) {
    // The engine knows its context.
    Optional<Integer> most = fields.integer("max_completion_tokens", 1, Integer.MAX_VALUE);
    Optional<Integer> before = fields.integer("max_tokens", 1, Integer.MAX_VALUE);
    if (most.isPresent() && before.isPresent() && !most.equals(before)) {
      throw ApiException.field(
          "max_tokens", "is another name of max_completion_tokens, but they differ; give one");
    }
    return most.or(() -> before);
  }

  private static void refuse(Fields fields) {
    UNSUPPORTED.forEach(fields::unsupported);
    for (Object each : fields.list("modalities")) {
      if (!"text".equals(each)) {
        throw ApiException.field("modalities", "may be [\"text\"] only");
      }
    }
    fields
        .object("response_format")
        .ifPresent(
            format -> {
              if (!format.values().equals(Map.of("type", "text"))) {
                throw ApiException.field("response_format", "may be {\"type\": \"text\"} only");
              }
            });
    Object choice = fields.any("tool_choice");
    if (choice != null && !choice.equals("auto") && !choice.equals("none")) {
      throw ApiException.field("tool_choice", "may be \"auto\" or \"none\" only");
    }
  }
}
