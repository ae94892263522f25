package dev.hydra.serve;

import dev.hydra.inference.FinishReason;
import dev.hydra.inference.TokenScore;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Chat completions in the form of the protocol. */
final class ChatForm implements Delivery.Form {
  private final ServedModel model;
  private final long promptTokens;
  private final boolean logprobs;
  private final String kind;
  private final boolean usage;
  private final TokenText tokens;
  private final String id = Ids.next("chatcmpl-");
  private final long created = System.currentTimeMillis() / 1000;
  private final Map<Integer, Made> made = new TreeMap<>();

  /** What has been made of a choice. */
  private static final class Made {
    final StringBuilder text = new StringBuilder();
    final List<Object> logprobs = new ArrayList<>();
    int drawn;
    @Nullable FinishReason finish;
  }

  /** Creates the form of an answer of a kind. */
  ChatForm(ServedModel model, long promptTokens, boolean logprobs, String kind, boolean usage) {
    this.model = model;
    this.promptTokens = promptTokens;
    this.logprobs = logprobs;
    this.kind = kind;
    this.usage = usage;
    this.tokens = new TokenText(model);
  }

  @Override
  public Map<String, @Nullable Object> begin(Choice choice) {
    Map<String, @Nullable Object> delta = new LinkedHashMap<>();
    delta.put("role", "assistant");
    delta.put("content", "");
    return object(List.of(choice(choice.index(), "delta", delta, List.of(), null)));
  }

  @Override
  public @Nullable Map<String, @Nullable Object> event(Piece piece) {
    Made known = made.computeIfAbsent(piece.choice().index(), key -> new Made());
    List<Object> scores = new ArrayList<>();
    TokenScore token = piece.token();
    if (token != null && logprobs) {
      scores.add(score(token));
    }
    known.text.append(piece.text());
    known.logprobs.addAll(scores);
    known.drawn = piece.choice().drawn();
    known.finish = piece.finish();
    if (piece.text().isEmpty() && scores.isEmpty() && piece.finish() == null) {
      return null;
    }
    Map<String, @Nullable Object> delta = new LinkedHashMap<>();
    if (!piece.text().isEmpty()) {
      delta.put("content", piece.text());
    }
    return object(List.of(choice(piece.choice().index(), "delta", delta, scores, piece.finish())));
  }

  private Map<String, @Nullable Object> score(TokenScore token) {
    Map<String, @Nullable Object> score = entry(token.token(), token.logProbability());
    List<Object> top = new ArrayList<>();
    token.likeliest().forEach(each -> top.add(entry(each.token(), each.logProbability())));
    score.put("top_logprobs", top);
    return score;
  }

  private Map<String, @Nullable Object> entry(int token, double logProbability) {
    Map<String, @Nullable Object> entry = new LinkedHashMap<>();
    entry.put("token", tokens.of(token));
    entry.put("logprob", logProbability);
    entry.put("bytes", tokens.bytes(token));
    return entry;
  }

  private Map<String, @Nullable Object> choice(
      int index, String part, Object content, List<Object> scores, @Nullable FinishReason finish) {
    Map<String, @Nullable Object> choice = new LinkedHashMap<>();
    choice.put("index", index);
    choice.put(part, content);
    choice.put("logprobs", logprobs ? Map.of("content", scores) : null);
    choice.put("finish_reason", finish == null ? null : finish.name().toLowerCase(Locale.ROOT));
    return choice;
  }

  private Map<String, @Nullable Object> object(List<?> choices) {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    object.put("id", id);
    object.put("object", kind);
    object.put("created", created);
    object.put("model", model.name());
    object.put("choices", choices);
    if (usage) {
      object.put("usage", null); // known at the end
    }
    return object;
  }

  private Map<String, Object> counted() {
    return Usage.of(promptTokens, made.values().stream().mapToLong(each -> each.drawn).sum());
  }

  @Override
  public @Nullable Map<String, @Nullable Object> end() {
    if (!usage) {
      return null;
    }
    Map<String, @Nullable Object> last = object(List.of());
    last.put("usage", counted());
    return last;
  }

  @Override
  public Map<String, @Nullable Object> whole() {
    List<Object> choices = new ArrayList<>();
    made.forEach(
        (index, each) -> {
          Map<String, @Nullable Object> message = new LinkedHashMap<>();
          message.put("role", "assistant");
          message.put("content", each.text.toString());
          message.put("refusal", null);
          choices.add(choice(index, "message", message, each.logprobs, each.finish));
        });
    Map<String, @Nullable Object> answer = object(choices);
    answer.put("usage", counted());
    return answer;
  }
}
