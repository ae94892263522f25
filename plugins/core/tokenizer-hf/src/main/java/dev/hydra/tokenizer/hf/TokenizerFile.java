package dev.hydra.tokenizer.hf;

import com.fasterxml.jackson.jr.ob.JSON;
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
    Map<String, Object> json) {

  /**
   * Reads a file.
   *
   * @throws IOException if it is not a tokenizer.json
   */
  static TokenizerFile parse(String text) throws IOException {
    Map<String, Object> json = JSON.std.mapFrom(text);
    if (!(json.get("model") instanceof Map<?, ?> model)) {
      throw new IOException("it has no object \"model\"");
    }
    Map<Integer, String> byId = new LinkedHashMap<>();
    if (model.get("vocab") instanceof Map<?, ?> vocab) {
      for (Map.Entry<?, ?> entry : vocab.entrySet()) {
        byId.put(id(entry.getValue()), String.valueOf(entry.getKey()));
      }
    } else if (model.get("vocab") instanceof List<?> vocab) {
      for (int id = 0; id < vocab.size(); id++) {
        byId.put(id, vocab.get(id) instanceof List<?> pair ? String.valueOf(pair.get(0)) : "");
      }
    } else {
      throw new IOException("its model has no \"vocab\"");
    }
    Map<String, Integer> special = new LinkedHashMap<>();
    List<Map<?, ?>> added = new ArrayList<>();
    for (Object each : json.get("added_tokens") instanceof List<?> list ? list : List.of()) {
      if (each instanceof Map<?, ?> token && token.get("content") instanceof String content) {
        int id = id(token.get("id"));
        byId.put(id, content);
        added.add(token);
        if (Boolean.TRUE.equals(token.get("special"))) {
          special.put(content, id);
        }
      }
    }
    int size = byId.keySet().stream().mapToInt(id -> id + 1).max().orElse(0);
    if (size == 0) {
      throw new IOException("its vocabulary is empty");
    }
    List<String> tokens = new ArrayList<>(java.util.Collections.nCopies(size, ""));
    byId.forEach(tokens::set);
    return new TokenizerFile(kind(model), tokens, special, added, json);
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

  private static int id(@Nullable Object value) throws IOException {
    if (value instanceof Integer id && id >= 0) {
      return id;
    }
    throw new IOException("a token has the id " + value);
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
