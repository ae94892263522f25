package dev.hydra.tokenizer.hf;

import dev.hydra.libtorch.io.JsonText;
import dev.hydra.libtorch.io.NotJsonException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a tokenizer.json says about its tokens, which the native library does not tell.
 *
 * @param model the kind of model: BPE, Unigram, WordPiece, WordLevel
 * @param tokens every token by its id; an empty text where there is a gap
 * @param special the tokens that stand for no text
 * @param added all tokens beside the model's, and how they are matched
 * @param json the whole file
 */
record TokenizerFile(
    String model,
    List<String> tokens,
    Map<String, Integer> special,
    List<Map<?, ?>> added,
    Map<?, ?> json) {
  private static final String VOCAB = "model.vocab";

  /**
   * Reads a file.
   *
   * @throws IOException if it is not a tokenizer.json; the message names the place
   */
  static TokenizerFile parse(String text) throws IOException {
    Map<?, ?> json = object(text);
    if (!(json.get("model") instanceof Map<?, ?> model)) {
      throw new IOException("it has no object \"model\"");
    }
    TokensById tokens = new TokensById();
    addAll(model.get("vocab"), tokens);
    Map<String, Integer> special = new LinkedHashMap<>();
    List<Map<?, ?>> added = added(json.get("added_tokens"), tokens, special);
    if (tokens.count() == 0) {
      throw new IOException("its vocabulary is empty");
    }
    return new TokenizerFile(kind(model), tokens.all(), special, added, json);
  }

  private static Map<?, ?> object(String text) throws IOException {
    try {
      return JsonText.object(text);
    } catch (NotJsonException e) {
      throw new IOException("it is " + e.getMessage(), e);
    }
  }

  private static void addAll(@Nullable Object vocab, TokensById tokens) throws IOException {
    if (vocab instanceof Map<?, ?> ids) {
      for (Map.Entry<?, ?> entry : ids.entrySet()) {
        String token = String.valueOf(entry.getKey());
        tokens.add(() -> VOCAB + "." + Places.quoted(token), token, entry.getValue());
      }
    } else if (vocab instanceof List<?> pieces) {
      for (int id = 0; id < pieces.size(); id++) {
        String place = VOCAB + "[" + id + "]";
        if (!(pieces.get(id) instanceof List<?> pair
            && pair.size() == 2
            && pair.get(0) instanceof String piece)) {
          throw new IOException(place + " must be an array of a token and its score");
        }
        tokens.add(() -> place, piece, id);
      }
    } else {
      throw new IOException("its model has no \"vocab\"");
    }
  }

  /** Reads the tokens beside the model's, the ids of which the library gives itself. */
  private static List<Map<?, ?>> added(
      @Nullable Object value, TokensById tokens, Map<String, Integer> special) throws IOException {
    if (value == null) {
      return List.of();
    }
    if (!(value instanceof List<?> list)) {
      throw new IOException("added_tokens is " + Places.shown(value) + ", not an array");
    }
    List<Map<?, ?>> added = new ArrayList<>();
    int next = tokens.count();
    for (int i = 0; i < list.size(); i++) {
      String place = "added_tokens[" + i + "]";
      if (!(list.get(i) instanceof Map<?, ?> token
          && token.get("content") instanceof String content)) {
        throw new IOException(place + " must be an object with a text as its content");
      }
      if (content.isEmpty()) {
        continue; // the library leaves it out
      }
      int expected = tokens.id(content).orElse(next);
      int id = tokens.add(() -> place + ".id", content, token.get("id"));
      if (id != expected) {
        throw new IOException(
            "%s.id is %d, but the tokenizers library gives %s the id %d: %s"
                .formatted(
                    place,
                    id,
                    Places.quoted(content),
                    expected,
                    expected == next ? "the next after those before it" : "it has that already"));
      }
      next = Math.max(next, id + 1);
      added.add(token);
      if (Boolean.TRUE.equals(token.get("special"))) {
        special.put(content, id);
      }
    }
    return added;
  }

  private static String kind(Map<?, ?> model) {
    if (model.get("type") instanceof String type) {
      return type;
    }
    // Files of older versions do not say it.
    return model.get("merges") != null
        ? "BPE"
        : model.get("vocab") instanceof List<?> ? "Unigram" : "WordPiece";
  }

  /** Says whether a part of the file has a step of a type, such as {@code ByteLevel}. */
  boolean has(String part, String type) {
    return contains(json.get(part), type);
  }

  private static boolean contains(@Nullable Object value, String type) {
    if (value instanceof Map<?, ?> map) {
      return type.equals(map.get("type"))
          || map.values().stream().anyMatch(each -> contains(each, type));
    }
    return value instanceof List<?> list && list.stream().anyMatch(each -> contains(each, type));
  }
}
