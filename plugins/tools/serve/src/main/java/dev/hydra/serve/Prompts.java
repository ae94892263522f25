package dev.hydra.serve;

import dev.hydra.data.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads prompts: a string, token ids, or an array of either. */
final class Prompts {
  private static final String FIELD = "prompt";
  private static final String FORM =
      "must be a string, an array of strings, an array of token ids, or an array of such arrays";
  private static final int MOST = 1024;

  private Prompts() {}

  /**
   * A prompt.
   *
   * @param text as it was given, if it was given as text
   */
  @SuppressWarnings("ArrayRecordComponent") // compared by nobody
  record Prompt(@Nullable String text, int[] tokens) {}

  /** Reads the field {@code prompt}. */
  static List<Prompt> of(Fields fields, ServedModel model) {
    boolean special = fields.flag("add_special_tokens", true);
    Object given = fields.any(FIELD);
    if (given instanceof String text) {
      return List.of(text(FIELD, text, model, special));
    }
    if (!(given instanceof List<?> list)) {
      throw ApiException.field(
          FIELD, given == null ? "is missing" : FORM + ", but is " + Fields.shown(given));
    }
    if (list.isEmpty()) {
      throw ApiException.field(FIELD, "is empty; give at least one token");
    }
    if (list.get(0) instanceof Number) {
      return List.of(new Prompt(null, ids(FIELD, list, model)));
    }
    if (list.size() > MOST) {
      throw ApiException.field(FIELD, "must not hold more than " + MOST + " prompts");
    }
    List<Prompt> prompts = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      String name = FIELD + "[" + i + "]";
      if (list.get(i) instanceof String text) {
        prompts.add(text(name, text, model, special));
      } else if (list.get(i) instanceof List<?> ids) {
        prompts.add(new Prompt(null, ids(name, ids, model)));
      } else {
        throw ApiException.field(FIELD, FORM);
      }
    }
    return prompts;
  }

  private static Prompt text(String name, String text, ServedModel model, boolean special) {
    Tokenizer tokenizer = model.requireTokenizer();
    int[] tokens = special ? tokenizer.encodePrompt(text) : tokenizer.encode(text);
    if (tokens.length == 0) {
      throw ApiException.field(name, "is empty; give at least one token");
    }
    return new Prompt(text, tokens);
  }

  /** Token ids of a field. */
  static int[] ids(String field, List<?> list, ServedModel model) {
    if (list.isEmpty()) {
      throw ApiException.field(field, "is empty; give at least one token");
    }
    int vocabulary = model.engine().engine().vocabulary();
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      if (!(list.get(i) instanceof Integer id) || id < 0 || id >= vocabulary) {
        throw ApiException.field(
            field,
            "has "
                + Fields.shown(list.get(i))
                + " at "
                + i
                + ", which is not a token id from 0 to "
                + (vocabulary - 1));
      }
      ids[i] = id;
    }
    return ids;
  }
}
