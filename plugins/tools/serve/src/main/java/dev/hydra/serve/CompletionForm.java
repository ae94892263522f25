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

/** Completions in the form of the protocol. */
final class CompletionForm implements Delivery.Form {
  private final ServedModel model;
  private final List<Prompts.Prompt> prompts;
  private final int copies;
  private final Wanted wanted;
  private final TokenText tokens;
  private final String id = Ids.next("cmpl-");
  private final long created = System.currentTimeMillis() / 1000;
  private final Map<Integer, Made> made = new TreeMap<>();

  /**
   * What is to be told.
   *
   * @param echo the prompt too
   * @param logprobs of each token
   * @param top of so many of the likeliest tokens
   * @param usage at the end of a stream
   * @param ids the ids of the tokens
   */
  record Wanted(boolean echo, boolean logprobs, int top, boolean usage, boolean ids) {}

  /** What has been made of a choice. */
  private static final class Made {
    final Choice choice;
    final StringBuilder text = new StringBuilder();
    final List<Integer> ids = new ArrayList<>();
    final Logprobs logprobs;
    @Nullable FinishReason finish;
    boolean begun;
    int echoed;

    Made(Choice choice, Logprobs logprobs) {
      this.choice = choice;
      this.logprobs = logprobs;
    }
  }

  CompletionForm(ServedModel model, List<Prompts.Prompt> prompts, int copies, Wanted wanted) {
    this.model = model;
    this.prompts = prompts;
    this.copies = copies;
    this.wanted = wanted;
    this.tokens = new TokenText(model);
  }

  @Override
  public @Nullable Map<String, @Nullable Object> event(Piece piece) {
    Made known =
        made.computeIfAbsent(
            piece.choice().index(),
            key -> new Made(piece.choice(), new Logprobs(tokens, wanted.top())));
    Logprobs logprobs = new Logprobs(tokens, wanted.top());
    StringBuilder text = new StringBuilder();
    if (!known.begun) {
      known.begun = true;
      if (wanted.echo()) {
        echo(piece.choice(), text, logprobs);
        known.echoed = text.length();
      }
    }
    List<Integer> ids = new ArrayList<>();
    TokenScore token = piece.token();
    if (token != null) {
      ids.add(token.token());
      logprobs.add(token, known.echoed + piece.offset());
    }
    text.append(piece.text());
    known.text.append(text);
    known.ids.addAll(ids);
    known.logprobs.addAll(logprobs);
    known.finish = piece.finish();
    if (text.length() == 0 && ids.isEmpty() && piece.finish() == null) {
      return null;
    }
    return object(List.of(choice(known, text.toString(), logprobs, ids)));
  }

  private void echo(Choice choice, StringBuilder text, Logprobs logprobs) {
    Prompts.Prompt prompt = prompts.get(choice.index() / copies);
    String given = prompt.text();
    text.append(given == null ? tokens.of(prompt.tokens()) : given);
    if (model.tokenizer().isEmpty() && choice.request().maxTokens() > 0) {
      text.append(TokenText.BETWEEN_IDS);
    }
    logprobs.addPrompt(prompt.tokens(), choice.promptScores());
  }

  private Map<String, @Nullable Object> choice(
      Made known, String text, Logprobs logprobs, List<Integer> ids) {
    Map<String, @Nullable Object> choice = new LinkedHashMap<>();
    choice.put("text", text);
    choice.put("index", known.choice.index());
    choice.put("logprobs", wanted.logprobs() ? logprobs.object() : null);
    FinishReason finish = known.finish;
    choice.put("finish_reason", finish == null ? null : finish.name().toLowerCase(Locale.ROOT));
    if (wanted.ids()) {
      choice.put("token_ids", ids);
    }
    return choice;
  }

  private Map<String, @Nullable Object> object(List<?> choices) {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    object.put("id", id);
    object.put("object", "text_completion");
    object.put("created", created);
    object.put("model", model.name());
    object.put("choices", choices);
    if (wanted.usage()) {
      object.put("usage", null); // known at the end
    }
    return object;
  }

  private Map<String, Object> usage() {
    return Usage.of(
        prompts.stream().mapToLong(prompt -> prompt.tokens().length).sum(),
        made.values().stream().mapToLong(each -> each.choice.drawn()).sum());
  }

  @Override
  public @Nullable Map<String, @Nullable Object> end() {
    if (!wanted.usage()) {
      return null;
    }
    Map<String, @Nullable Object> last = object(List.of());
    last.put("usage", usage());
    return last;
  }

  @Override
  public Map<String, @Nullable Object> whole() {
    List<Object> choices = new ArrayList<>();
    for (Made each : made.values()) {
      choices.add(choice(each, each.text.toString(), each.logprobs, each.ids));
    }
    Map<String, @Nullable Object> answer = object(choices);
    answer.put("usage", usage());
    return answer;
  }
}
