package dev.hydra.chat;

import dev.hydra.libtorch.io.JsonText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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
    Map<String, Object> config = json(folder.resolve("tokenizer_config.json"));
    Path own = folder.resolve(TEMPLATE);
    Optional<String> text =
        Files.isRegularFile(own)
            ? Optional.of(Files.readString(own))
            : text(
                config.getOrDefault(
                    "chat_template",
                    json(folder.resolve("chat_template.json")).getOrDefault("chat_template", "")));
    Map<String, String> special = special(folder, config);
    return text.filter(each -> !each.isEmpty()).map(each -> ChatTemplate.parse(each, special));
  }

  /**
   * Reads a template from a file, with the special tokens of a folder.
   *
   * @throws IOException if a file cannot be read
   * @throws ChatTemplateException if the template is malformed
   */
  public static ChatTemplate read(Path template, Path folder) throws IOException {
    Map<String, Object> config = json(folder.resolve("tokenizer_config.json"));
    return ChatTemplate.parse(Files.readString(template), special(folder, config));
  }

  /**
   * Reads what a folder's files say of its tokenizer: special tokens, and what of {@code
   * tokenizer_config.json} is a text, a number or true or false.
   *
   * @throws IOException if a file cannot be read
   */
  public static Map<String, Object> tokenizerInfo(Path folder) throws IOException {
    Map<String, Object> config = json(folder.resolve("tokenizer_config.json"));
    Map<String, Object> info = new LinkedHashMap<>(special(folder, config));
    config.forEach(
        (name, value) -> {
          if (value instanceof String || value instanceof Number || value instanceof Boolean) {
            info.putIfAbsent(name, value);
          }
        });
    return info;
  }

  /** A model with several templates lists them with their names. */
  private static Optional<String> text(Object template) {
    if (template instanceof List<?> several) {
      return several.stream()
          .filter(each -> each instanceof Map<?, ?> map && "default".equals(map.get("name")))
          .map(each -> String.valueOf(((Map<?, ?>) each).get("template")))
          .findFirst();
    }
    return template instanceof String text ? Optional.of(text) : Optional.empty();
  }

  private static Map<String, String> special(Path folder, Map<String, Object> config)
      throws IOException {
    Map<String, Object> all = new LinkedHashMap<>(json(folder.resolve(SPECIAL_TOKENS)));
    all.putAll(config);
    Map<String, String> special = new LinkedHashMap<>();
    for (String name : NAMES) {
      Object token = all.get(name);
      Object content = token instanceof Map<?, ?> map ? map.get("content") : token;
      if (content instanceof String text) {
        special.put(name, text);
      }
    }
    return special;
  }

  private static Map<String, Object> json(Path file) throws IOException {
    return Files.isRegularFile(file) ? JsonText.object(file) : Map.of();
  }
}
