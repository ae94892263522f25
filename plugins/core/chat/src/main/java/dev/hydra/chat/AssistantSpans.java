package dev.hydra.chat;

import dev.hydra.chat.MarkedText.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Finds what the assistant says in the text of a conversation by rendering its beginnings: up to
 * the message, where the template asks the assistant to speak, and up to the end of the message.
 */
final class AssistantSpans {
  private static final String ASSISTANT = "assistant";

  private final ChatTemplate template;
  private final List<?> messages;
  private final List<?> tools;
  private final String text;

  AssistantSpans(ChatTemplate template, List<?> messages, List<?> tools) {
    this.template = template;
    this.messages = messages;
    this.tools = tools;
    this.text = template.render(messages, tools, false);
  }

  /**
   * Finds the parts.
   *
   * @throws ChatTemplateException if the beginnings of the conversation are not the beginnings of
   *     its text
   */
  MarkedText find() {
    List<Span> all = new ArrayList<>();
    for (int i = 0; i < messages.size(); i++) {
      if (messages.get(i) instanceof Map<?, ?> message && ASSISTANT.equals(message.get("role"))) {
        int from = i == 0 ? opening() : beginning(i, true);
        int to = i + 1 == messages.size() ? text.length() : beginning(i + 1, false);
        if (from < to) {
          all.add(new Span(from, to));
        }
      }
    }
    return new MarkedText(text, all);
  }

  /** Returns where a conversation begins that nobody has asked for. */
  private int opening() {
    if (!(messages.get(0) instanceof Map<?, ?> first)
        || !(first.get("content") instanceof String content)
        || !text.contains(content)) {
      throw unlocated(0);
    }
    return text.indexOf(content);
  }

  private int beginning(int count, boolean prompt) {
    String before = template.render(messages.subList(0, count), tools, prompt);
    if (!text.startsWith(before)) {
      throw unlocated(prompt ? count : count - 1);
    }
    return before.length();
  }

  private static ChatTemplateException unlocated(int message) {
    return new ChatTemplateException(
        "where message "
            + (message + 1)
            + ", of the assistant, stands in the text cannot be told, as the template writes the"
            + " beginning of a conversation otherwise than in the whole of it; enclose what the"
            + " assistant says by {% generation %} and {% endgeneration %} in the template");
  }
}
