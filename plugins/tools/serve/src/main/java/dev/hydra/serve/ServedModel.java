package dev.hydra.serve;

import dev.hydra.chat.ChatTemplate;
import dev.hydra.data.Tokenizer;
import dev.hydra.inference.EngineThread;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * A model that is served.
 *
 * @param name by which clients ask for it
 * @param engine what runs it
 * @param tokenizer what makes tokens of text, if there is one: token ids do without
 * @param template what makes a text of a conversation, if there is one
 * @param endTokens a text is over after any of these
 * @param tokenizerInfo what is told of the tokenizer, as its configuration file has it
 * @param composition tells what it is composed of now, as the values of a JSON object
 * @param changes what changes that, if it can be changed
 * @param created when the model was made, in seconds since 1970
 */
public record ServedModel(
    String name,
    EngineThread engine,
    Optional<Tokenizer> tokenizer,
    Optional<ChatTemplate> template,
    Set<Integer> endTokens,
    Map<String, Object> tokenizerInfo,
    Supplier<Map<String, Object>> composition,
    Optional<ModelChanges> changes,
    long created) {
  /** Copies what can change. */
  public ServedModel {
    endTokens = Set.copyOf(endTokens);
    tokenizerInfo = Map.copyOf(tokenizerInfo);
  }

  /** Throws an error for the client if the engine has ended: nothing that waits for it comes. */
  void requireEngine() {
    Throwable failure = engine.failure();
    if (failure != null) {
      throw ApiException.server(503, "the engine of " + name + " ended: " + failure);
    }
  }

  /** Returns the tokenizer; throws an error for the client if there is none. */
  Tokenizer requireTokenizer() {
    return tokenizer.orElseThrow(
        () ->
            ApiException.request(
                "the model "
                    + name
                    + " has no tokenizer (its folder lacks tokenizer.json); give token ids instead"
                    + " of text"));
  }

  /** Returns the chat template; throws an error for the client if there is none. */
  ChatTemplate requireTemplate() {
    return template.orElseThrow(
        () ->
            ApiException.request(
                "the model "
                    + name
                    + " has no chat template (its folder lacks chat_template.jinja and a"
                    + " tokenizer_config.json with one); use /v1/completions, unless the operator names one with"
                    + " --template"));
  }
}
