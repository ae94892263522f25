package dev.hydra.cli;

import dev.hydra.chat.ChatTemplate;
import dev.hydra.chat.ChatTemplateException;
import dev.hydra.chat.ChatTemplateFiles;
import dev.hydra.cli.common.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Finds the chat template of a model. */
final class ChatFiles {
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

  /** Reads the template for a tokenizer's file or a model's folder, if there is one. */
  static Optional<ChatTemplate> found(Path model, @Nullable Path named) throws IOException {
    Path folder = folder(model);
    try {
      if (named != null) {
        return Optional.of(ChatTemplateFiles.read(named, folder));
      }
      Optional<ChatTemplate> own = ChatTemplateFiles.in(folder);
      Optional<Path> apart = CarriedTokenizer.file(model, ChatTemplateFiles.TEMPLATE);
      return own.isPresent() || apart.isEmpty()
          ? own
          : Optional.of(ChatTemplateFiles.read(apart.get(), folder));
    } catch (ChatTemplateException e) {
      throw new UsageException(
          "the chat template of "
              + (named == null ? folder + " (name another with --template)" : named)
              + " cannot be read: "
              + e.getMessage());
    }
  }

  /** What the tokenizer's configuration file says that is a text or a number. */
  static Map<String, Object> tokenizerInfo(Path model) throws IOException {
    return ChatTemplateFiles.tokenizerInfo(folder(model));
  }

  private static Path folder(Path model) {
    if (!Files.isDirectory(model)) {
      return Optional.ofNullable(model.toAbsolutePath().getParent()).orElse(Path.of("/"));
    }
    return CarriedTokenizer.of(model)
        .or(() -> CarriedTokenizer.file(model, ChatTemplateFiles.TEMPLATE))
        .map(file -> file.resolveSibling(".").normalize())
        .orElse(model);
  }
}
