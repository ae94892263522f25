package dev.hydra.chat.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.chat.ChatTemplate;
import java.io.IOException;
import java.io.InputStream;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What Jinja 3.1 renders of the same templates, in the environment that transformers makes. */
class JinjaTest {
  private static final LocalDateTime TIME = LocalDateTime.of(2026, 3, 4, 17, 6, 7);

  @TestFactory
  Stream<DynamicTest> rendersWhatJinjaRenders() throws IOException {
    Map<String, Object> all;
    try (InputStream in = ChatTemplate.class.getResourceAsStream("jinja.json")) {
      all = JSON.std.mapFrom(in);
    }
    Map<?, ?> values = (Map<?, ?>) all.get("values");
    return ((List<?>) all.get("cases"))
        .stream()
            .map(each -> (Map<?, ?>) each)
            .map(
                each ->
                    DynamicTest.dynamicTest(
                        (String) each.get("template"), () -> check(each, values)));
  }

  @SuppressWarnings("unchecked") // JSON objects have texts as keys
  private static void check(Map<?, ?> each, Map<?, ?> values) {
    String source = (String) each.get("template");
    if (each.get("error") == null) {
      assertEquals(each.get("text"), render(source, (Map<String, Object>) values));
    } else {
      assertThrows(JinjaException.class, () -> render(source, (Map<String, Object>) values));
    }
  }

  private static String render(String source, Map<String, Object> values) {
    return Template.parse(source, () -> TIME).render(values);
  }

  @Test
  void tellsTheTime() {
    assertEquals(
        "04 Mar 2026, Wednesday 17:06:07 %",
        render("{{ strftime_now('%d %b %Y, %A %H:%M:%S %%') }}", Map.of()));
  }
}
