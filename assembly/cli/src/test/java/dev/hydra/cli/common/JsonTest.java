package dev.hydra.cli.common;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JsonTest {
  @Test
  void anObjectIsOneLineInItsOrder() throws IOException {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("text", "two\nlines, \"quoted\"");
    object.put("none", null);
    object.put("list", List.of(1, 2.5, true));
    String line = Json.line(object);
    assertThat(line)
        .isEqualTo(
            "{\"text\":\"two\\nlines, \\\"quoted\\\"\",\"none\":null,\"list\":[1,2.5,true]}");
    assertThat(JSON.std.mapFrom(line)).isEqualTo(object);
  }

  @Test
  void whatIsMissingOrOfAnotherKindIsNothing() {
    Map<String, Object> object = Map.of("list", List.of(1), "number", 3L, "text", "4");
    assertThat(Json.list(object, "list")).isEqualTo(List.of(1));
    assertThat(Json.list(object, "number")).isEmpty();
    assertThat(Json.number(object, "number")).isEqualTo(3);
    assertThat(Json.number(object, "text")).isNaN();
    assertThat(Json.number(object, "none", 5)).isEqualTo(5);
  }
}
