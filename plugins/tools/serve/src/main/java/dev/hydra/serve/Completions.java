package dev.hydra.serve;

import dev.hydra.inference.Request;
import dev.hydra.inference.Sampling;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Answers {@code POST /v1/completions}. */
final class Completions {
  private static final int USUAL_TOKENS = 16;
  private static final int MOST_CHOICES = 128;
  private static final int MOST_LOGPROBS = 20;
  private static final String OF_CHATS = "max_completion_tokens";
  static final Set<String> NAMES = names();

  private final Models models;

  Completions(Models models) {
    this.models = models;
  }

  private static Set<String> names() {
    Set<String> names = new HashSet<>(SamplingFields.NAMES);
    names.addAll(
        List.of(
            "model",
            "prompt",
            "max_tokens",
            "echo",
            "logprobs",
            "best_of",
            "suffix",
            "add_special_tokens",
            "return_token_ids"));
    return names;
  }

  void answer(Call call) throws IOException, InterruptedException {
    Fields fields = call.body();
    if (fields.any(OF_CHATS) != null) {
      throw ApiException.field(OF_CHATS, "is a field of chats; did you mean max_tokens?");
    }
    fields.known(NAMES);
    fields.unsupported("suffix");
    ServedModel model = models.find(fields.text("model"));
    int copies = fields.integer("n", 1, MOST_CHOICES).orElse(1);
    if (fields.integer("best_of", 1, MOST_CHOICES).orElse(copies) != copies) {
      throw ApiException.field("best_of", "must be n where it is given");
    }
    int tokens = fields.integer("max_tokens", 0, Integer.MAX_VALUE).orElse(USUAL_TOKENS);
    boolean echo = fields.flag("echo", false);
    int top = fields.integer("logprobs", 0, MOST_LOGPROBS).orElse(-1);
    Sampling sampling = SamplingFields.sampling(fields, model.engine().engine().vocabulary());
    Set<Integer> end = fields.flag("ignore_eos", false) ? Set.of() : model.endTokens();
    Request.ScoreRequest scores =
        new Request.ScoreRequest(top >= 0, top >= 0 && echo, Math.max(0, top));
    List<Prompts.Prompt> prompts = Prompts.of(fields, model);
    List<Request> requests = new ArrayList<>();
    for (Prompts.Prompt prompt : prompts) {
      for (int i = 0; i < copies; i++) {
        requests.add(
            new Request(
                prompt.tokens(), tokens, sampling.withSeed(sampling.seed() + i), end, scores));
      }
    }
    List<String> stops = SamplingFields.stops(fields);
    boolean stream = fields.flag("stream", false);
    boolean usage = SamplingFields.usage(fields);
    boolean ids = fields.flag("return_token_ids", model.tokenizer().isEmpty());
    try (Answer answer = new Answer(model, "prompt", requests, stops)) {
      CompletionForm form =
          new CompletionForm(
              model, prompts, copies, new CompletionForm.Wanted(echo, top >= 0, top, usage, ids));
      if (stream) {
        Delivery.stream(call, answer, form);
      } else {
        Delivery.whole(call, answer, form);
      }
    }
  }
}
