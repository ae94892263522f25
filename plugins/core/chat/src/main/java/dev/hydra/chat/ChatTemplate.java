package dev.hydra.chat;

import dev.hydra.chat.jinja.JinjaException;
import dev.hydra.chat.jinja.Template;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A template that makes one text of a conversation, as published models bring it in Jinja. It
 * renders what {@code apply_chat_template} of Hugging Face transformers renders.
 */
public final class ChatTemplate {
  private final String source;
  private final Template template;
  private final Map<String, String> specialTokens;

  private ChatTemplate(String source, Template template, Map<String, String> specialTokens) {
    this.source = source;
    this.template = template;
    this.specialTokens = Map.copyOf(specialTokens);
  }

  /**
   * Reads a template.
   *
   * @param source its text
   * @param specialTokens what names such as {@code bos_token} and {@code eos_token} stand for
   * @throws ChatTemplateException if it is malformed
   */
  public static ChatTemplate parse(String source, Map<String, String> specialTokens) {
    try {
      return new ChatTemplate(
          source,
          Template.parse(source, () -> LocalDateTime.now(ZoneId.systemDefault())),
          specialTokens);
    } catch (JinjaException e) {
      throw new ChatTemplateException(String.valueOf(e.getMessage()), e);
    }
  }

  /** Returns its text, in Jinja. */
  public String source() {
    return source;
  }

  /** Returns what names such as {@code bos_token} stand for in it. */
  public Map<String, String> specialTokens() {
    return specialTokens;
  }

  /**
   * Renders a conversation.
   *
   * @param messages objects with {@code role} and {@code content}, as JSON values
   * @param tools what the assistant may call, as JSON values; often none
   * @param generationPrompt whether the text ends where the assistant begins to speak
   * @throws ChatTemplateException if the template fails on it or refuses it
   */
  public String render(List<?> messages, List<?> tools, boolean generationPrompt) {
    return run(() -> template.render(values(messages, tools, generationPrompt)));
  }

  /**
   * Renders a whole conversation, in which what the assistant says is marked: by the template's own
   * {@code generation} statements or else by rendering the beginnings of the conversation.
   *
   * @param messages as in {@link #render}
   * @param tools as in {@link #render}
   * @throws ChatTemplateException if the template fails on it or refuses it, or where the assistant
   *     speaks cannot be told
   */
  public MarkedText renderMarked(List<?> messages, List<?> tools) {
    if (!template.marksGeneration()) {
      return new AssistantSpans(this, messages, tools).find();
    }
    List<MarkedText.Span> marked = new ArrayList<>();
    String text =
        run(
            () ->
                template.render(
                    values(messages, tools, false),
                    (from, to) -> marked.add(new MarkedText.Span(from, to))));
    return new MarkedText(text, marked);
  }

  private Map<String, @Nullable Object> values(
      List<?> messages, List<?> tools, boolean generationPrompt) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>(specialTokens);
    values.put("messages", messages);
    // As in transformers, what is not given is defined, and None.
    values.put("tools", tools.isEmpty() ? null : tools);
    values.put("documents", null);
    values.put("add_generation_prompt", generationPrompt);
    return values;
  }

  private static String run(Supplier<String> rendering) {
    try {
      return rendering.get();
    } catch (JinjaException e) {
      throw new ChatTemplateException(String.valueOf(e.getMessage()), e);
    }
  }
}
