package dev.hydra.serve;

import dev.hydra.chat.ChatTemplate;
import dev.hydra.chat.ChatTemplateException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A conversation of a request, which the model's template makes a text of. What the template would
 * leave out is refused: it would be thought to have an effect.
 */
final class Conversation {
  private static final String FIELD = "messages";
  private static final String ROLE = "role";
  private static final String CONTENT = "content";

  /** The protocol's newer name of the system, which few templates know. */
  private static final String DEVELOPER = "developer";

  /** Templates leave parts of what these say out on purpose, such as earlier reasoning. */
  private static final Set<String> WRITTEN = Set.of("user", "assistant", "tool");

  private final ChatTemplate template;
  private final List<Map<Object, @Nullable Object>> messages = new ArrayList<>();
  private final List<?> tools;
  private final boolean generation;

  private Conversation(Fields fields, ServedModel model, boolean generation) {
    List<?> given = fields.list(FIELD);
    if (given.isEmpty()) {
      throw ApiException.field(FIELD, "must be an array of at least one message");
    }
    for (int i = 0; i < given.size(); i++) {
      check(name(i), given.get(i));
    }
    this.template = model.requireTemplate();
    this.tools = Tools.offered(fields);
    this.generation = generation;
    for (int i = 0; i < given.size(); i++) {
      messages.add(plain(name(i), (Map<?, ?>) given.get(i)));
    }
  }

  /**
   * Reads the tokens of a conversation.
   *
   * @param generation whether the text ends where the model is to answer
   */
  static int[] tokens(Fields fields, ServedModel model, boolean generation) {
    String text = new Conversation(fields, model, generation).text();
    // The template writes the special tokens itself.
    int[] tokens = model.requireTokenizer().encode(text);
    if (tokens.length == 0) {
      throw ApiException.field(FIELD, "make an empty text of the model's template");
    }
    return tokens;
  }

  private static String name(int message) {
    return FIELD + "[" + message + "]";
  }

  /** An assistant may have called tools and said nothing; whoever else speaks says something. */
  private static void check(String name, Object each) {
    if (!(each instanceof Map<?, ?> message) || !(message.get(ROLE) instanceof String role)) {
      throw ApiException.field(name, "must be an object with a role, which is a string");
    }
    Tools.checkCalls(name, message);
    Object content = message.get(CONTENT);
    if (content == null && !role.equals("assistant")) {
      throw ApiException.field(name + ".content", "is missing");
    }
    if (content != null && !(content instanceof String) && !(content instanceof List)) {
      throw ApiException.field(
          name + ".content", "must be a string, but is " + Fields.shown(content));
    }
  }

  /** Parts of text become one text, as templates of models for text expect it. */
  private Map<Object, @Nullable Object> plain(String name, Map<?, ?> message) {
    Map<Object, @Nullable Object> plain = new LinkedHashMap<>(message);
    if (message.get(CONTENT) instanceof List<?> parts) {
      plain.put(CONTENT, text(name + "." + CONTENT, parts));
    }
    if (!Tools.called(message)) {
      plain.remove(Tools.CALLS);
    }
    if (DEVELOPER.equals(message.get(ROLE)) && !template.source().contains(DEVELOPER)) {
      plain.put(ROLE, "system");
    }
    return plain;
  }

  private static String text(String name, List<?> parts) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < parts.size(); i++) {
      if (!(parts.get(i) instanceof Map<?, ?> map)
          || !(map.get("text") instanceof String piece)
          || !(map.get("type") == null || "text".equals(map.get("type")))) {
        throw ApiException.field(
            name + "[" + i + "]", "must be a part of text; others are not supported");
      }
      text.append(piece);
    }
    return text.toString();
  }

  private String text() {
    try {
      String text = template.render(messages, tools, generation);
      for (int i = 0; i < messages.size(); i++) {
        Map<Object, @Nullable Object> said = messages.get(i);
        if (!WRITTEN.contains(said.get(ROLE))
            && text.equals(with(i, CONTENT, said.get(CONTENT) + "+"))) {
          throw ApiException.field(name(i), "is left out by the model's template, for its role");
        }
        if (Tools.called(said) && text.equals(with(i, Tools.CALLS, null))) {
          throw ApiException.field(
              name(i) + "." + Tools.CALLS, "are left out by the model's template");
        }
      }
      if (!tools.isEmpty() && text.equals(template.render(messages, List.of(), generation))) {
        throw ApiException.field("tools", "are left out by the model's template");
      }
      return text;
    } catch (ChatTemplateException e) {
      throw ApiException.field(FIELD, "do not suit the model's template: " + e.getMessage());
    }
  }

  /** The text if a message had something else in a field. */
  private String with(int message, String field, @Nullable Object value) {
    Map<Object, @Nullable Object> other = new LinkedHashMap<>(messages.get(message));
    other.put(field, value);
    List<Map<Object, @Nullable Object>> changed = new ArrayList<>(messages);
    changed.set(message, other);
    return template.render(changed, tools, generation);
  }
}
