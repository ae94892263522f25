package dev.hydra.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.chat.ChatTemplate;
import dev.hydra.cli.common.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Finds the chat template of a model and its special tokens, as transformers does: the template in
 * {@code chat_template.jinja} or in {@code tokenizer_config.json}, which also names the tokens.
 */
final class ChatFiles {
  private static final List<String> NAMES =
      List.of(
          "bos_token",
          "eos_token",
          "unk_token",
          "pad_token",
          "sep_token",
          "cls_token",
          "mask_token");

  private ChatFiles() {}

  /** Reads the template for a tokenizer's file or a model's folder. */
  static ChatTemplate template(Path model, @Nullable Path named) throws IOException {
    return found(model, named)
        .orElseThrow(
            () ->
                new UsageException(
                    "there is no chat template in "
                        + folder(model)
                        + "; name one with --template"));
  }

  /** What the tokenizer's configuration file says that is a text or a number. */
  static Map<String, Object> tokenizerInfo(Path model) throws IOException {
    Map<String, Object> info = new LinkedHashMap<>(special(folder(model), Map.of()));
    Map<String, Object> config = json(folder(model).resolve("tokenizer_config.json"));
    info.putAll(special(folder(model), config));
    config.forEach(
        (name, value) -> {
          if (value instanceof String || value instanceof Number || value instanceof Boolean) {
            info.putIfAbsent(name, value);
          }
        });
    return info;
  }

  /** Reads the template for a tokenizer's file or a model's folder, if there is one. */
  static Optional<ChatTemplate> found(Path model, @Nullable Path named) throws IOException {
    Path folder = folder(model);
    Map<String, Object> config = json(folder.resolve("tokenizer_config.json"));
    Map<String, String> special = special(folder, config);
    if (named != null) {
      return Optional.of(ChatTemplate.parse(Files.readString(named), special));
    }
    Path own = folder.resolve("chat_template.jinja");
    if (Files.isRegularFile(own)) {
      return Optional.of(ChatTemplate.parse(Files.readString(own), special));
    }
    Object found =
        config.getOrDefault(
            "chat_template",
            json(folder.resolve("chat_template.json")).getOrDefault("chat_template", ""));
    String text = text(found).orElse("");
    return text.isEmpty() ? Optional.empty() : Optional.of(ChatTemplate.parse(text, special));
  }

  private static Path folder(Path model) {
    if (!Files.isDirectory(model)) {
      return Optional.ofNullable(model.toAbsolutePath().getParent()).orElse(Path.of("/"));
    }
    return CarriedTokenizer.of(model)
        .map(file -> file.resolveSibling(".").normalize())
        .orElse(model);
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
    Map<String, Object> all = new LinkedHashMap<>(json(folder.resolve("special_tokens_map.json")));
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
    return Files.isRegularFile(file) ? JSON.std.mapFrom(Files.readString(file)) : Map.of();
  }
}
