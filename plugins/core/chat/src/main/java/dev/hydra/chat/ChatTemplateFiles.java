package dev.hydra.chat;

import dev.hydra.libtorch.io.JsonText;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Finds the chat template in a folder with a tokenizer and its special tokens, as transformers
 * does: the template in {@code chat_template.jinja} or in {@code tokenizer_config.json}, which also
 * names the tokens.
 */
public final class ChatTemplateFiles {
  /** The file with a template and nothing else, which comes before those in other files. */
  public static final String TEMPLATE = "chat_template.jinja";

  /** The file with special tokens by their names; those of tokenizer_config.json come before. */
  public static final String SPECIAL_TOKENS = "special_tokens_map.json";

  private static final String CONFIG = "tokenizer_config.json";
  private static final String KEY = "chat_template";

  private static final List<String> NAMES =
      List.of(
          "bos_token",
          "eos_token",
          "unk_token",
          "pad_token",
          "sep_token",
          "cls_token",
          "mask_token");

  private ChatTemplateFiles() {}

  /**
   * Reads the template of a folder, if there is one.
   *
   * @throws IOException if a file cannot be read
   * @throws ChatTemplateException if the template is malformed
   */
  public static Optional<ChatTemplate> in(Path folder) throws IOException {
    Path config = folder.resolve(CONFIG);
    Path own = folder.resolve(TEMPLATE);
    Optional<String> text =
        Files.isRegularFile(own)
            ? Optional.of(text(own))
            : json(config).containsKey(KEY)
                ? template(config)
                : template(folder.resolve("chat_template.json"));
    Map<String, String> special = special(folder);
    return text.filter(each -> !each.isEmpty()).map(each -> ChatTemplate.parse(each, special));
  }

  /**
   * Reads a template from a file, with the special tokens of a folder.
   *
   * @throws IOException if a file cannot be read
   * @throws ChatTemplateException if the template is malformed
   */
  public static ChatTemplate read(Path template, Path folder) throws IOException {
    return ChatTemplate.parse(text(template), special(folder));
  }

  /**
   * Reads what a folder's files say of its tokenizer: special tokens, and what of {@code
   * tokenizer_config.json} is a text, a number or true or false.
   *
   * @throws IOException if a file cannot be read
   */
  public static Map<String, Object> tokenizerInfo(Path folder) throws IOException {
    Map<String, Object> info = new LinkedHashMap<>(special(folder));
    json(folder.resolve(CONFIG))
        .forEach(
            (name, value) -> {
              if (value instanceof String || value instanceof Number || value instanceof Boolean) {
                info.putIfAbsent(name, value);
              }
            });
    return info;
  }

  /** A model with several templates lists them with their names. */
  private static Optional<String> template(Path file) throws IOException {
    Object template = json(file).get(KEY);
    if (template instanceof List<?> several) {
      Optional<?> first =
          several.stream()
              .filter(each -> each instanceof Map<?, ?> map && "default".equals(map.get("name")))
              .findFirst();
      if (first.isEmpty()) {
        return Optional.empty();
      }
      template = ((Map<?, ?>) first.get()).get("template");
    }
    if (template == null || template instanceof String) {
      return Optional.ofNullable((String) template);
    }
    throw wrong(file, KEY, "a text, or an array of templates with their names");
  }

  private static Map<String, String> special(Path folder) throws IOException {
    Map<String, String> special = new LinkedHashMap<>();
    for (Path file : List.of(folder.resolve(SPECIAL_TOKENS), folder.resolve(CONFIG))) {
      Map<String, @Nullable Object> all = json(file);
      for (String name : NAMES) {
        Object token = all.get(name);
        Object content = token instanceof Map<?, ?> map ? map.get("content") : token;
        if (content instanceof String text) {
          special.put(name, text);
        } else if (token != null) {
          throw wrong(file, name, "a text, or an object with one as its content");
        } else if (all.containsKey(name)) {
          special.remove(name);
        }
      }
    }
    return special;
  }

  private static String text(Path file) throws IOException {
    try {
      return Files.readString(file);
    } catch (MalformedInputException e) {
      throw new IOException(file + " is not UTF-8; mend it, or fetch or write it again", e);
    }
  }

  private static IOException wrong(Path file, String key, String kind) {
    return new IOException(
        file + ": " + key + " is not " + kind + "; mend it, or fetch or write the file again");
  }

  private static Map<String, @Nullable Object> json(Path file) throws IOException {
    return Files.isRegularFile(file) ? JsonText.object(file) : Map.of();
  }
}
