package dev.hydra.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Where the assistant speaks, against parts that were marked by hand: between [[ and ]]. */
class MarkedTextTest {
  private static final Map<String, String> SPECIAL =
      Map.of("bos_token", "<s>", "eos_token", "</s>");
  private static final List<Map<String, String>> TALK =
      List.of(
          message("system", " Be brief. "),
          message("user", "What is 2+2?"),
          message("assistant", "4"),
          message("user", "And 3+4?"),
          message("assistant", "7, of course"));

  private static Map<String, String> message(String role, String content) {
    return Map.of("role", role, "content", content);
  }

  private static String template(String name) throws IOException {
    try (InputStream in = MarkedTextTest.class.getResourceAsStream("templates.json")) {
      return (String) ((Map<?, ?>) JSON.std.mapFrom(in).get("templates")).get(name);
    }
  }

  private static String marked(String source, List<?> messages) {
    MarkedText rendered = ChatTemplate.parse(source, SPECIAL).renderMarked(messages, List.of());
    StringBuilder text = new StringBuilder(rendered.text());
    for (int i = rendered.marked().size() - 1; i >= 0; i--) {
      text.insert(rendered.marked().get(i).to(), "]]");
      text.insert(rendered.marked().get(i).from(), "[[");
    }
    return text.toString();
  }

  @Test
  void byTheBeginningsOfTheConversation() throws IOException {
    assertEquals(
        """
        <|im_start|>system
         Be brief. <|im_end|>
        <|im_start|>user
        What is 2+2?<|im_end|>
        <|im_start|>assistant
        [[4<|im_end|>
        ]]<|im_start|>user
        And 3+4?<|im_end|>
        <|im_start|>assistant
        [[7, of course<|im_end|>
        ]]""",
        marked(template("chatml"), TALK));
    assertEquals(
        "<s>[INST] <<Be brief.>> What is 2+2? [/INST][[ 4</s>]][INST] And 3+4? [/INST][[ 7, of"
            + " course</s>]]",
        marked(template("inst"), TALK));
  }

  @Test
  void byTheGenerationStatements() {
    String source =
        "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}"
            + "{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}"
            + "{% else %}{{ m.content }}{% endif %}\n{% endfor %}";
    assertEquals(
        "<system> Be brief. <user>What is 2+2?<assistant>[[4</s>]]<user>And 3+4?<assistant>[[7, of"
            + " course</s>]]",
        marked(source.replace("\n", ""), TALK));
    String last = source.replace("m.role == 'assistant' %}", "loop.last %}");
    assertThat(marked(last, TALK)).doesNotContain("[[4").contains("[[7, of course</s>]]");
  }

  @Test
  void whoeverSpeaksFirstIsFoundByTheContent() throws IOException {
    List<?> opening = List.of(message("assistant", "Hello?"), message("user", "Yes"));
    assertThat(marked(template("chatml"), opening))
        .startsWith("<|im_start|>assistant\n[[Hello?<|im_end|>\n]]<|im_start|>user");
  }

  @Test
  void aTemplateThatWritesBeginningsOtherwiseIsRefused() {
    String counting =
        "{{ messages | length }}: {% for m in messages %}{{ m.content }};{% endfor %}";
    assertThat(assertThrows(ChatTemplateException.class, () -> marked(counting, TALK)))
        .hasMessageContaining("where message 3, of the assistant, stands")
        .hasMessageContaining("{% generation %}");
    String inMacro =
        "{% macro say(x) %}{% generation %}{{ x }}{% endgeneration %}{% endmacro %}{{ say('a') }}";
    assertThat(assertThrows(ChatTemplateException.class, () -> marked(inMacro, TALK)))
        .hasMessageContaining("not known inside a macro");
  }
}
