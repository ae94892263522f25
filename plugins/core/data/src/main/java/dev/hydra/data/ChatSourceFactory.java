package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import dev.hydra.chat.ChatTemplate;
import dev.hydra.chat.ChatTemplateException;
import dev.hydra.chat.ChatTemplateFiles;
import dev.hydra.chat.MarkedText;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Creates sources of conversations, one a line of JSON: the chat template makes text of each, and
 * only what the assistant says is to be predicted.
 */
@HydraPlugin("chat")
public final class ChatSourceFactory implements SourceFactory {
  private static final Option<List<String>> FILES =
      FileSource.option(
          "files of JSON objects, one a line, plain, gzip or zstd; folders and patterns too");
  private static final Option<String> FIELD =
      Option.text(
              "field",
              "the field of each object that is the list of messages, { role, content }; tools that"
                  + " the assistant may call stand in the field tools")
          .orElse("messages");
  private static final Option<Optional<String>> TEMPLATE =
      Option.text("template", "a file with the chat template, in Jinja")
          .optional("that of the tokenizer");
  private static final Option<RecordsReading.OnError> ON_ERROR =
      RecordsReading.onError("what becomes of a line that is not such a conversation");

  /** Creates the factory, for the registry. */
  public ChatSourceFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of(FILES, FIELD, TEMPLATE, ON_ERROR);
  }

  @Override
  public Source create(SourceContext from) {
    ChatTemplate template = CorpusException.blamed(from.settings(), TEMPLATE, () -> template(from));
    return new Chats(from, template);
  }

  private static ChatTemplate template(SourceContext from) {
    Optional<Path> folder =
        from.tokenizer().files().stream()
            .findFirst()
            .map(file -> file.toAbsolutePath().resolveSibling(".").normalize());
    Optional<String> named = from.settings().get(TEMPLATE);
    String where = named.orElse("the chat template of " + folder.map(Path::toString).orElse(""));
    try {
      if (named.isPresent()) {
        Path file = FileNames.file(named.get(), from.roots());
        return ChatTemplateFiles.read(file, folder.orElse(file.resolveSibling(".")));
      }
      Optional<ChatTemplate> own =
          folder.isPresent() ? ChatTemplateFiles.in(folder.get()) : Optional.empty();
      return own.orElseThrow(
          () ->
              new CorpusException(
                  "there is no chat template "
                      + folder.map(each -> "in " + each).orElse("with the tokenizer")
                      + " (chat_template.jinja, or chat_template in tokenizer_config.json); name"
                      + " one: template = chat.jinja"));
    } catch (IOException | ChatTemplateException e) {
      throw new CorpusException(where + ": " + e.getMessage(), e);
    }
  }

  private static void read(SourceContext from, ChatTemplate template, Consumer<MarkedText> sink) {
    Reading reading = new Reading(from.settings(), template, sink);
    new FileSource(
            from,
            FILES,
            "",
            (files, unused) ->
                reading.all(files, "there is no conversation", "that is not a conversation"))
        .read(text -> {});
  }

  private record Chats(SourceContext from, ChatTemplate template) implements MarkedSource {
    @Override
    public void readMarked(Consumer<MarkedText> sink) {
      ChatSourceFactory.read(from, template, sink);
    }

    @Override
    public Optional<ChatTemplate> chatTemplate() {
      return Optional.of(template);
    }
  }

  /** One reading of all files. */
  private static final class Reading extends JsonLinesReading {
    private final String field;
    private final ChatTemplate template;
    private final Consumer<MarkedText> sink;

    Reading(Settings settings, ChatTemplate template, Consumer<MarkedText> sink) {
      super(settings.get(ON_ERROR));
      this.field = settings.get(FIELD);
      this.template = template;
      this.sink = sink;
    }

    @Override
    public void object(Map<String, Object> object, String where) {
      List<?> tools = object.get("tools") instanceof List<?> list ? list : List.of();
      MarkedText text;
      try {
        List<?> messages = messages(object.get(field), object);
        text = template.renderMarked(messages, tools);
        if (text.marked().isEmpty()) {
          throw new CorpusException(
              "the assistant says nothing in it, so there is nothing to learn");
        }
      } catch (CorpusException e) {
        wrong(where + ": " + e.getMessage());
        return;
      } catch (ChatTemplateException e) {
        wrong(where + ": the chat template fails on it: " + e.getMessage());
        return;
      }
      taken();
      sink.accept(text);
    }

    private List<?> messages(@Nullable Object value, Map<String, Object> object) {
      if (!(value instanceof List<?> messages) || messages.isEmpty()) {
        throw new CorpusException(
            value == null
                ? "has no field \"" + field + "\" among " + object.keySet()
                : "its field \"" + field + "\" is not a list of messages");
      }
      for (int i = 0; i < messages.size(); i++) {
        if (!(messages.get(i) instanceof Map<?, ?> message)) {
          throw new CorpusException("message " + (i + 1) + " is not an object");
        }
        if (!(message.get("role") instanceof String)) {
          throw new CorpusException(
              "message "
                  + (i + 1)
                  + " has no role, such as user or assistant, among "
                  + message.keySet());
        }
        if (message.get("content") == null && message.get("tool_calls") == null) {
          throw new CorpusException("message " + (i + 1) + " has no content");
        }
      }
      return messages;
    }
  }
}
