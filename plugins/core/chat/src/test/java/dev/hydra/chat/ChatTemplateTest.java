package dev.hydra.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What Hugging Face transformers renders of the same templates and conversations. */
class ChatTemplateTest {
  @TestFactory
  Stream<DynamicTest> rendersWhatTransformersRenders() throws IOException {
    Map<String, Object> all;
    try (InputStream in = ChatTemplateTest.class.getResourceAsStream("templates.json")) {
      all = JSON.std.mapFrom(in);
    }
    Map<String, String> special =
        Map.of(
            "bos_token", (String) all.get("bos_token"), "eos_token", (String) all.get("eos_token"));
    return ((List<?>) all.get("results"))
        .stream()
            .map(each -> (Map<?, ?>) each)
            .map(
                result ->
                    DynamicTest.dynamicTest(
                        result.get("template") + " " + result.get("conversation"),
                        () -> check(all, special, result)));
  }

  private static void check(
      Map<String, Object> all, Map<String, String> special, Map<?, ?> result) {
    String source = (String) ((Map<?, ?>) all.get("templates")).get(result.get("template"));
    List<?> messages =
        (List<?>) ((List<?>) all.get("conversations")).get((int) result.get("conversation"));
    List<?> tools = (boolean) result.get("tools") ? (List<?>) all.get("tools") : List.of();
    boolean prompt = (boolean) result.get("add_generation_prompt");
    ChatTemplate template = ChatTemplate.parse(source, special);
    if (result.get("error") == null) {
      assertEquals(result.get("text"), template.render(messages, tools, prompt));
    } else {
      ChatTemplateException refused =
          assertThrows(ChatTemplateException.class, () -> template.render(messages, tools, prompt));
      assertThat(refused).hasMessage((String) result.get("error"));
    }
  }

  @Test
  void aMalformedTemplateNamesItsLine() {
    assertThat(
            assertThrows(
                ChatTemplateException.class,
                () -> ChatTemplate.parse("a\n{% if x %}\n{{ x }", Map.of())))
        .hasMessageContaining("line 3");
  }
}
