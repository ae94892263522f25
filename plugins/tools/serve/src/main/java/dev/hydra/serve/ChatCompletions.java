package dev.hydra.serve;

import dev.hydra.chat.ChatTemplateException;
import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Answers {@code POST /v1/chat/completions}. */
final class ChatCompletions {
  private static final int MOST_CHOICES = 128;
  private static final int MOST_LOGPROBS = 20;
  private static final Set<String> NAMES = names();

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
            "modalities",
            "audio",
            "functions",
            "function_call"));
    return names;
  }

  void answer(Call call) throws IOException, InterruptedException {
    Fields fields = call.body();
    fields.known(NAMES);
    refuse(fields);
    ServedModel model = models.find(fields.text("model"));
    int[] prompt = prompt(fields, model, true);
    int context = model.engine().engine().limits().context();
    int tokens =
        fields
            .integer("max_completion_tokens", 1, Integer.MAX_VALUE) // the engine knows its context
            .or(() -> fields.integer("max_tokens", 1, Integer.MAX_VALUE))
            .orElse(Math.max(1, context - prompt.length));
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
    try (Answer answer = new Answer(model, requests, SamplingFields.stops(fields))) {
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

  private static void refuse(Fields fields) {
    List.of("audio", "functions", "function_call").forEach(fields::unsupported);
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

  /** The tokens of a conversation, as the model's template writes it. */
  static int[] prompt(Fields fields, ServedModel model, boolean generation) {
    List<?> messages = fields.list("messages");
    if (messages.isEmpty()) {
      throw ApiException.field("messages", "must be an array of at least one message");
    }
    for (int i = 0; i < messages.size(); i++) {
      check("messages[" + i + "]", messages.get(i));
    }
    List<?> tools = "none".equals(fields.any("tool_choice")) ? List.of() : fields.list("tools");
    try {
      String text = model.requireTemplate().render(plain(messages), tools, generation);
      // The template writes the special tokens itself.
      int[] tokens = model.requireTokenizer().encode(text);
      if (tokens.length == 0) {
        throw ApiException.field("messages", "make an empty text of the model's template");
      }
      return tokens;
    } catch (ChatTemplateException e) {
      throw ApiException.field("messages", "do not suit the model's template: " + e.getMessage());
    }
  }

  /** An assistant may have called tools and said nothing; whoever else speaks says something. */
  private static void check(String name, Object each) {
    if (!(each instanceof Map<?, ?> message) || !(message.get("role") instanceof String role)) {
      throw ApiException.field(name, "must be an object with a role, which is a string");
    }
    Object content = message.get("content");
    if (content == null && !role.equals("assistant")) {
      throw ApiException.field(name + ".content", "is missing");
    }
    if (content != null && !(content instanceof String) && !(content instanceof List)) {
      throw ApiException.field(
          name + ".content", "must be a string, but is " + Fields.shown(content));
    }
  }

  /** Parts of text become one text, as templates of models for text expect it. */
  private static List<?> plain(List<?> messages) {
    List<Object> plain = new ArrayList<>();
    for (Object each : messages) {
      Map<?, ?> message = (Map<?, ?>) each;
      if (message.get("content") instanceof List<?> parts) {
        Map<Object, Object> changed = new LinkedHashMap<>(message);
        changed.put("content", text(parts));
        plain.add(changed);
      } else {
        plain.add(message);
      }
    }
    return plain;
  }

  private static String text(List<?> parts) {
    StringBuilder text = new StringBuilder();
    for (Object part : parts) {
      if (!(part instanceof Map<?, ?> map) || !(map.get("text") instanceof String piece)) {
        throw ApiException.field("messages", "may hold parts of text only");
      }
      text.append(piece);
    }
    return text.toString();
  }
}
