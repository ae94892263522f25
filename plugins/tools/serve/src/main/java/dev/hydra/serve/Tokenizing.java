package dev.hydra.serve;

import dev.hydra.data.Tokenizer;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Answers {@code /tokenize}, {@code /detokenize} and {@code /tokenizer_info}. */
final class Tokenizing {
  private final Models models;

  Tokenizing(Models models) {
    this.models = models;
  }

  void tokenize(Call call) throws IOException {
    Fields fields = call.body();
    fields.known(
        Set.of(
            "model",
            "prompt",
            "add_special_tokens",
            "messages",
            "add_generation_prompt",
            "tools",
            "return_token_strs"));
    ServedModel model = models.find(fields.text("model").or(() -> call.query("model")));
    Tokenizer tokenizer = model.requireTokenizer();
    int[] tokens;
    if (fields.any("messages") != null) {
      tokens = Conversation.tokens(fields, model, fields.flag("add_generation_prompt", true));
    } else {
      String text =
          fields.text("prompt").orElseThrow(() -> ApiException.field("prompt", "is missing"));
      tokens =
          fields.flag("add_special_tokens", true)
              ? tokenizer.encodePrompt(text)
              : tokenizer.encode(text);
    }
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("count", tokens.length);
    answer.put("max_model_len", model.engine().engine().limits().context());
    answer.put("tokens", Arrays.stream(tokens).boxed().toList());
    if (fields.flag("return_token_strs", false)) {
      TokenText text = new TokenText(model);
      answer.put("token_strs", Arrays.stream(tokens).mapToObj(text::of).toList());
    }
    call.answer(200, answer);
  }

  void detokenize(Call call) throws IOException {
    Fields fields = call.body();
    fields.known(Set.of("model", "tokens"));
    ServedModel model = models.find(fields.text("model").or(() -> call.query("model")));
    Tokenizer tokenizer = model.requireTokenizer();
    if (fields.any("tokens") == null) {
      throw ApiException.field("tokens", "is missing");
    }
    List<?> given = fields.list("tokens");
    int[] tokens = given.isEmpty() ? new int[0] : Prompts.ids("tokens", given, model);
    call.answer(200, Map.of("prompt", tokenizer.decode(tokens, false)));
  }

  void info(Call call) throws IOException {
    ServedModel model = models.find(call.query("model"));
    Tokenizer tokenizer = model.requireTokenizer();
    Map<String, @Nullable Object> info = new LinkedHashMap<>(model.tokenizerInfo());
    info.putIfAbsent("tokenizer_class", tokenizer.getClass().getSimpleName());
    info.put("vocab_size", tokenizer.vocabSize());
    info.put("model_max_length", model.engine().engine().limits().context());
    // Null where there is none: clients tell by the field that they may tokenize here.
    info.putIfAbsent("eos_token", endOfText(tokenizer));
    // That in which chats are answered: clients render conversations with it, too.
    model.template().ifPresent(template -> info.put("chat_template", template.source()));
    call.answer(200, info);
  }

  private static @Nullable String endOfText(Tokenizer tokenizer) {
    OptionalInt end = tokenizer.endOfText();
    return end.isPresent() ? tokenizer.decode(new int[] {end.getAsInt()}, false) : null;
  }
}
