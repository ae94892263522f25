package dev.hydra.serve;

import dev.hydra.inference.TokenScore;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The object {@code logprobs} of a completion: four lists, an entry of each for a token. */
final class Logprobs {
  private final TokenText text;
  private final int top;
  private final List<String> tokens = new ArrayList<>();
  private final List<@Nullable Double> values = new ArrayList<>();
  private final List<@Nullable Map<String, Double>> likeliest = new ArrayList<>();
  private final List<Integer> offsets = new ArrayList<>();

  Logprobs(TokenText text, int top) {
    this.text = text;
    this.top = top;
  }

  /** Adds a token that begins at a character of the text. */
  void add(TokenScore score, int offset) {
    tokens.add(text.of(score.token()));
    values.add(score.logProbability());
    Map<String, Double> alternatives = new LinkedHashMap<>();
    // Tokens may be written alike; the likeliest of them counts.
    for (TokenScore.Alternative each : score.likeliest()) {
      alternatives.putIfAbsent(text.of(each.token()), each.logProbability());
    }
    likeliest.add(top > 0 ? alternatives : null);
    offsets.add(offset);
  }

  /** Adds the tokens of a prompt; of the first nothing is known. */
  void addPrompt(int[] prompt, List<TokenScore> scores) {
    int offset = 0;
    for (int i = 0; i < prompt.length; i++) {
      if (i == 0 || i > scores.size()) {
        tokens.add(text.of(prompt[i]));
        values.add(null);
        likeliest.add(null);
        offsets.add(offset);
      } else {
        add(scores.get(i - 1), offset);
      }
      offset += text.length(prompt[i]);
    }
  }

  void addAll(Logprobs more) {
    tokens.addAll(more.tokens);
    values.addAll(more.values);
    likeliest.addAll(more.likeliest);
    offsets.addAll(more.offsets);
  }

  Map<String, @Nullable Object> object() {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    object.put("tokens", tokens);
    object.put("token_logprobs", values);
    object.put("top_logprobs", top > 0 ? likeliest : null);
    object.put("text_offset", offsets);
    return object;
  }
}
